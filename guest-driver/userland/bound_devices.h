/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices that a platform driver is bound to, as sysfs shows them */

#ifndef BOUND_DEVICES_H
#define BOUND_DEVICES_H

#define DRIVERS		"/sys/bus/platform/drivers/"

/*
 * Calls @visit with @driver and the name of each of its devices, and returns
 * their number, or -1 where there is no such driver.
 */
static int visit_bound_devices(const char *driver, void (*visit)(const char *, const char *))
{
	char path[128] = DRIVERS, entries[1024];
	struct linux_dirent64 *entry;
	int fd, length, offset, devices = 0;

	strlcat(path, driver, sizeof(path));
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return -1;

	while ((length = getdents64(fd, (void *)entries, sizeof(entries))) > 0) {
		for (offset = 0; offset < length; offset += entry->d_reclen) {
			entry = (void *)(entries + offset);
			/* The other link is to the driver's module */
			if (entry->d_type != DT_LNK || !strcmp(entry->d_name, "module"))
				continue;
			visit(driver, entry->d_name);
			devices++;
		}
	}
	close(fd);
	return devices;
}

#endif

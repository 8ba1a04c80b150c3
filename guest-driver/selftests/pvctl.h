/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver as its tests find it, on any Linux: in sysfs */

#ifndef PVCTL_H
#define PVCTL_H

#include "ktap.h"

#define MODULE		"/sys/module/pvctl"
#define DRIVER		"/sys/bus/platform/drivers/pvctl"
#define PATH_SIZE	256

/* The first device that the driver is bound to */
static char pvctl_device[64];

/* The content of a file without its last newline, NULL where it cannot be read */
static inline char *read_text(const char *path, char *text, int size)
{
	int fd = open(path, O_RDONLY), length;

	if (fd < 0)
		return NULL;
	length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return NULL;
	if (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return text;
}

/* 0, or the errno as a negative number */
static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		result = -errno;
	close(fd);
	return result;
}

static int is_there(const char *path)
{
	struct stat status;

	return !stat(path, &status);
}

static char *device_path(char *path, const char *name)
{
	path[0] = '\0';
	strlcat(path, DRIVER "/", PATH_SIZE);
	strlcat(path, pvctl_device, PATH_SIZE);
	strlcat(path, name, PATH_SIZE);
	return path;
}

static inline int is_bound(void)
{
	char path[PATH_SIZE];

	return is_there(device_path(path, ""));
}

/* A link in the driver's directory that is not its module is a bound device */
static int find_device(void)
{
	struct linux_dirent64 *entry;
	char entries[1024];
	int fd = open(DRIVER, O_RDONLY | O_DIRECTORY), length, offset;

	if (fd < 0)
		return 0;
	while ((length = getdents64(fd, (void *)entries, sizeof(entries))) > 0) {
		for (offset = 0; offset < length; offset += entry->d_reclen) {
			entry = (void *)(entries + offset);
			if (entry->d_type != DT_LNK || !strcmp(entry->d_name, "module"))
				continue;
			pvctl_device[0] = '\0';
			strlcat(pvctl_device, entry->d_name, sizeof(pvctl_device));
		}
	}
	close(fd);
	return pvctl_device[0];
}

/* Skips the whole test where there is no driver, or no device that it has bound to */
static void require_device(void)
{
	mount("none", "/sys", "sysfs", 0, NULL);
	if (!is_there(DRIVER))
		ktap_skip_all("the driver is not loaded");
	if (!find_device())
		ktap_skip_all("no device is bound");
}

#endif

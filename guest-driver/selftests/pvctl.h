/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver as its tests find it, on any Linux: in sysfs */

#ifndef PVCTL_H
#define PVCTL_H

#include "ktap.h"

#define MODULE		"/sys/module/pvctl"
#define DRIVER		"/sys/bus/platform/drivers/pvctl"
#define PATH_SIZE	256
#define NAME_SIZE	64
#define MAX_DEVICES	4

/* Bits of the attribute "features" */
#define FEATURE_SHUTDOWN	0x01
#define FEATURE_RESET		0x02
#define FEATURE_CRASH		0x04
#define FEATURE_EVENTS		0x08
#define FEATURE_BOOT_REASON	0x10

/* The devices that the driver was bound to when the test began */
static char pvctl_devices[MAX_DEVICES][NAME_SIZE];
static int pvctl_device_count;

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

static inline int is_there(const char *path)
{
	struct stat status;

	return !stat(path, &status);
}

/* The path of an attribute, or of the device itself where that is "" */
static inline char *attribute_path(char *path, const char *device, const char *attribute)
{
	path[0] = '\0';
	strlcat(path, DRIVER "/", PATH_SIZE);
	strlcat(path, device, PATH_SIZE);
	strlcat(path, "/", PATH_SIZE);
	strlcat(path, attribute, PATH_SIZE);
	return path;
}

static inline char *read_attribute(const char *device, const char *attribute, char *text, int size)
{
	char path[PATH_SIZE];

	return read_text(attribute_path(path, device, attribute), text, size);
}

static inline int write_attribute(const char *device, const char *attribute, const char *text)
{
	char path[PATH_SIZE];

	return write_text(attribute_path(path, device, attribute), text);
}

static inline int is_bound(const char *device)
{
	char path[PATH_SIZE];

	return is_there(attribute_path(path, device, ""));
}

static inline int unbind_device(const char *device)
{
	return write_text(DRIVER "/unbind", device);
}

static inline int bind_device(const char *device)
{
	return write_text(DRIVER "/bind", device);
}

/* The features of the first device that are in use */
static inline unsigned long features_in_use(void)
{
	char text[16], *content;

	content = read_attribute(pvctl_devices[0], "features", text, sizeof(text));
	return content ? strtoul(content, NULL, 16) : 0;
}

/* What sleep() and poll() of nolibc call, a kernel without 32-bit times may lack */
static inline void wait_milliseconds(int milliseconds)
{
#ifdef __NR_poll
	my_syscall3(__NR_poll, NULL, 0, milliseconds);
#else
	poll(NULL, 0, milliseconds);
#endif
}

/* For whoever reads what has been printed, before the guest ends */
static inline void wait_for_reader(void)
{
	wait_milliseconds(100);
}

/*
 * The kernel's log tells the host that it is its turn. Which request ends the
 * guest, the host knows; the result of a test that goes well is never printed.
 */
static inline void wait_for_request(void)
{
	wait_for_reader();
	write_text("/dev/kmsg", "pvctl selftest: waits 10 seconds for a request of the host\n");
	wait_milliseconds(10000);
	ktap_skip("a request ends the guest", "the host has requested nothing");
}

/* A link in the driver's directory that is not its module is a bound device */
static void find_devices(void)
{
	struct linux_dirent64 *entry;
	char entries[1024];
	int fd = open(DRIVER, O_RDONLY | O_DIRECTORY), length, offset;

	if (fd < 0)
		return;
	while ((length = getdents64(fd, (void *)entries, sizeof(entries))) > 0) {
		for (offset = 0; offset < length; offset += entry->d_reclen) {
			entry = (void *)(entries + offset);
			if (entry->d_type != DT_LNK || !strcmp(entry->d_name, "module"))
				continue;
			if (pvctl_device_count < MAX_DEVICES)
				strlcat(pvctl_devices[pvctl_device_count++], entry->d_name,
					NAME_SIZE);
		}
	}
	close(fd);
}

/*
 * Skips the whole test where there is no driver, or no device that it has bound
 * to; returns the first of the devices.
 */
static const char *require_device(void)
{
	mount("none", "/sys", "sysfs", 0, NULL);
	if (!is_there(DRIVER))
		ktap_skip_all("the driver is not loaded");
	find_devices();
	if (!pvctl_device_count)
		ktap_skip_all("no device is bound");
	return pvctl_devices[0];
}

static inline void require_feature(unsigned long feature, const char *reason)
{
	if (!(features_in_use() & feature))
		ktap_skip_all(reason);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* The attributes, as Documentation/ABI/testing/sysfs-driver-pvctl has them. */

#include "pvctl.h"

#define FEATURE_BOOT_REASON	0x10

static char *read_attribute(const char *name, char *text, int size)
{
	char path[PATH_SIZE];

	return read_text(device_path(path, name), text, size);
}

static int is_version(const char *text)
{
	char *rest;

	if (strtoul(text, &rest, 10) != 1 || *rest++ != '.' || !*rest)
		return 0;
	strtoul(rest, &rest, 10);
	return !*rest;
}

static int is_boot_reason(const char *text)
{
	static const char * const reasons[] = {
		"cold", "guest-reset", "host-reset", "after-crash", "unknown"
	};
	unsigned int i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (!strcmp(text, reasons[i]))
			return 1;
	}
	return 0;
}

static int is_read_only(const char *name)
{
	char path[PATH_SIZE];
	struct stat status;

	return !stat(device_path(path, name), &status) && (status.st_mode & 0777) == 0444;
}

int main(void)
{
	char text[128], *content, *rest;
	unsigned long features = 0;

	require_device();
	ktap_plan(6);

	content = read_attribute("/version", text, sizeof(text));
	ktap_result(content && is_version(content), "version is 1.x");

	content = read_attribute("/features", text, sizeof(text));
	if (content)
		features = strtoul(content, &rest, 16);
	ktap_result(content && !strncmp(content, "0x", 2) && !*rest,
		    "features are a hexadecimal mask");

	content = read_attribute("/boot_reason", text, sizeof(text));
	if (features & FEATURE_BOOT_REASON)
		ktap_result(content && is_boot_reason(content), "boot_reason is a documented one");
	else
		ktap_result(!content, "boot_reason is absent without its feature");

	ktap_result(is_read_only("/version"), "version is read-only");
	ktap_result(is_read_only("/features"), "features is read-only");
	if (features & FEATURE_BOOT_REASON)
		ktap_result(is_read_only("/boot_reason"), "boot_reason is read-only");
	else
		ktap_skip("boot_reason is read-only", "the host does not offer it");

	return ktap_exit_status();
}

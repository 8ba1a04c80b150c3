// SPDX-License-Identifier: GPL-2.0-only
/* The attributes, as Documentation/ABI/testing/sysfs-driver-pvctl has them. */

#include "pvctl.h"

static int is_version(const char *text)
{
	char *rest;

	if (strtoul(text, &rest, 10) != 1 || *rest++ != '.' || !*rest)
		return 0;
	strtoul(rest, &rest, 10);
	return !*rest;
}

static int is_mask(const char *text)
{
	char *rest;

	strtoul(text, &rest, 16);
	return !strncmp(text, "0x", 2) && !*rest;
}

static int is_boot_reason(const char *text)
{
	static const char * const reasons[] = {
		"regular power-up", "software reset", "reset button action",
		"crash", "unknown reason"
	};
	unsigned int i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (!strcmp(text, reasons[i]))
			return 1;
	}
	return 0;
}

static int is_exit_code(const char *text)
{
	char *rest;

	strtoul(text, &rest, 10);
	return *text && !*rest;
}

static int has_permissions(const char *device, const char *attribute, unsigned int permissions)
{
	char path[PATH_SIZE];
	struct stat status;

	return !stat(attribute_path(path, device, attribute), &status) &&
	       (status.st_mode & 0777) == permissions;
}

static void result(int passed, const char *attribute, const char *predicate)
{
	char name[64] = "";

	strlcat(name, attribute, sizeof(name));
	strlcat(name, predicate, sizeof(name));
	ktap_result(passed, name);
}

static void test_attribute(const char *device, const char *attribute,
			   int (*is_valid)(const char *), unsigned int permissions)
{
	char text[128], *content;

	content = read_attribute(device, attribute, text, sizeof(text));
	result(content && is_valid(content), attribute, " is as documented");
	result(has_permissions(device, attribute, permissions), attribute,
	       " has the documented permissions");
}

static void test_absence(const char *device, const char *attribute)
{
	char path[PATH_SIZE];

	result(!is_there(attribute_path(path, device, attribute)), attribute,
	       " is absent without its feature");
	ktap_skip("permissions", "the attribute is absent");
}

/* What the attribute holds is put back */
static void test_writing_exit_code(const char *device)
{
	char before[16], text[16], *content;

	if (!read_attribute(device, "exit_code", before, sizeof(before))) {
		ktap_skip("exit_code keeps what is written", "the attribute is absent");
		ktap_skip("exit_code refuses what is no number", "the attribute is absent");
		return;
	}
	write_attribute(device, "exit_code", "4294967295");
	content = read_attribute(device, "exit_code", text, sizeof(text));
	ktap_result(content && !strcmp(content, "4294967295"), "exit_code keeps what is written");
	ktap_result(write_attribute(device, "exit_code", "none") == -EINVAL,
		    "exit_code refuses what is no number");
	write_attribute(device, "exit_code", before);
}

int main(void)
{
	const char *device = require_device();
	unsigned long features = features_in_use();

	ktap_plan(10);
	test_attribute(device, "version", is_version, 0444);
	test_attribute(device, "features", is_mask, 0444);
	if (features & FEATURE_BOOT_REASON)
		test_attribute(device, "boot_reason", is_boot_reason, 0444);
	else
		test_absence(device, "boot_reason");
	if (features & FEATURE_SHUTDOWN)
		test_attribute(device, "exit_code", is_exit_code, 0644);
	else
		test_absence(device, "exit_code");
	test_writing_exit_code(device);

	return ktap_exit_status();
}

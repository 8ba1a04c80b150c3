// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is unloaded and loaded again, and binds to its device each time.
 *
 * Usage: load_unload [MODULE], where MODULE is the file, /lib/modules/pvctl.ko
 * unless given.
 */

#include "pvctl.h"

#define CYCLES	20

static int load(const char *path)
{
	int fd = open(path, O_RDONLY), result;

	if (fd < 0)
		return -1;
	result = __sysret(my_syscall3(__NR_finit_module, fd, "", 0));
	close(fd);
	return result;
}

static int unload(void)
{
	return __sysret(my_syscall2(__NR_delete_module, "pvctl", O_NONBLOCK));
}

int main(int argc, char **argv)
{
	const char *module = argc > 1 ? argv[1] : "/lib/modules/pvctl.ko";
	const char *device = require_device();
	int cycle, passed = 1;

	if (!is_there(MODULE "/refcnt"))
		ktap_skip_all("the driver is built in");
	if (!is_there(module))
		ktap_skip_all("the module's file is not there");

	ktap_plan(4);
	ktap_result(!unload() && !is_there(DRIVER), "unloaded");
	ktap_result(!load(module) && is_bound(device), "loaded and bound");
	ktap_result(load(module) < 0 && errno == EEXIST, "not loaded twice");
	for (cycle = 0; cycle < CYCLES && passed; cycle++)
		passed = !unload() && !load(module) && is_bound(device);
	ktap_result(passed, "loaded and unloaded 20 times");

	return ktap_exit_status();
}

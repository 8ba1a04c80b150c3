// SPDX-License-Identifier: GPL-2.0-only
/* The device is unbound from its driver and bound again, many times over. */

#include "pvctl.h"

#define CYCLES	1000

/* Unbinds the device and binds it again */
static int rebind(const char *device)
{
	return !unbind_device(device) && !is_bound(device) &&
	       !bind_device(device) && is_bound(device);
}

/* The free memory in KiB, without that of caches */
static long free_memory(void)
{
	char text[1024], *line = read_text("/proc/meminfo", text, sizeof(text));

	while (line && strncmp(line, "MemFree:", 8)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -1;
	for (line += 8; *line == ' '; line++)
		;
	return atol(line);
}

int main(void)
{
	const char *device = require_device();
	int cycle, passed = 1;
	long before, lost;

	mount("none", "/proc", "proc", 0, NULL);
	ktap_plan(6);

	ktap_result(!unbind_device(device) && !is_bound(device), "unbound");
	ktap_result(unbind_device(device) == -ENODEV, "not unbound twice");
	ktap_result(!bind_device(device) && is_bound(device), "bound");
	ktap_result(bind_device(device) < 0, "not bound twice");

	before = free_memory();
	for (cycle = 0; cycle < CYCLES && passed; cycle++)
		passed = rebind(device);
	ktap_result(passed, "bound and unbound 1000 times");

	/* What one of 1000 binds allocates and loses would be 64 KiB and more */
	lost = before - free_memory();
	if (before < 0)
		ktap_skip("no memory lost", "/proc/meminfo cannot be read");
	else
		ktap_result(lost < 64, "no memory lost");

	return ktap_exit_status();
}

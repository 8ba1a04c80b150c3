// SPDX-License-Identifier: GPL-2.0-only
/* Two devices at once, of different priorities: each is on its own. */

#include "pvctl.h"

#define CYCLES	100

static int has_exit_code(const char *device, const char *expected)
{
	char text[16], *content;

	content = read_attribute(device, "exit_code", text, sizeof(text));
	return content && !strcmp(content, expected);
}

/* Unbinds and binds a device, the one in use as well as the one in reserve */
static int rebind_beside(const char *device, const char *other)
{
	return !unbind_device(device) && !is_bound(device) && is_bound(other) &&
	       !bind_device(device) && is_bound(device) && is_bound(other);
}

int main(void)
{
	const char *one = require_device(), *other = pvctl_devices[1];
	int cycle, passed = 1;

	if (pvctl_device_count < 2)
		ktap_skip_all("only one device is bound");
	ktap_plan(3);

	write_attribute(one, "exit_code", "1");
	write_attribute(other, "exit_code", "2");
	ktap_result(has_exit_code(one, "1") && has_exit_code(other, "2"),
		    "each has its own exit code");
	ktap_result(rebind_beside(one, other) && has_exit_code(other, "2"),
		    "one is unbound and bound beside the other");
	for (cycle = 0; cycle < CYCLES && passed; cycle++)
		passed = rebind_beside(one, other) && rebind_beside(other, one);
	ktap_result(passed, "both are unbound and bound in turn 100 times");

	return ktap_exit_status();
}

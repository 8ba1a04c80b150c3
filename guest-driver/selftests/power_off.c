// SPDX-License-Identifier: GPL-2.0-only
/*
 * Powers the guest off; the host sees whether that worked, and the exit code.
 * The result of a test that goes well is never printed.
 *
 * Usage: power_off [EXIT_CODE]
 */

#include "pvctl.h"

int main(int argc, char **argv)
{
	const char *exit_code = argc > 1 ? argv[1] : "0";
	int device, taken = 1;

	require_device();
	require_feature(FEATURE_SHUTDOWN, "the host does not offer SHUTDOWN");
	ktap_plan(2);

	for (device = 0; device < pvctl_device_count; device++)
		taken &= !write_attribute(pvctl_devices[device], "exit_code", exit_code);
	ktap_result(taken, "exit code is taken");
	wait_for_reader();
	if (taken)
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	ktap_result(0, "the guest has ended");

	return ktap_exit_status();
}

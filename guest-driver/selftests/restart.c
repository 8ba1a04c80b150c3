// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restarts the guest; the host sees whether that worked, and whether the reset
 * is cold or warm. The result of a test that goes well is never printed.
 *
 * Usage: restart [cold|warm|hard|soft|gpio]
 *
 * The mode is the kernel's, which hands it to the driver's restart handler.
 */

#include "pvctl.h"

#define MODE	"/sys/kernel/reboot/mode"

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "cold";
	char text[16], *content;

	require_device();
	require_feature(FEATURE_RESET, "the host does not offer RESET");
	ktap_plan(2);

	write_text(MODE, mode);
	content = read_text(MODE, text, sizeof(text));
	ktap_result(content && !strcmp(content, mode), "mode of the restart");
	wait_for_reader();
	reboot(LINUX_REBOOT_CMD_RESTART);
	ktap_result(0, "the guest has ended");

	return ktap_exit_status();
}

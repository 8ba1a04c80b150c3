// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restarts the guest, or powers it off; the host sees whether that worked, so
 * this comes last and the result of a test that goes well is never printed.
 *
 * Usage: restart cold|warm|hard|soft|gpio|poweroff
 */

#include "pvctl.h"

#define MODE	"/sys/kernel/reboot/mode"

/* Time for whoever reads what has been printed; sleep() may need a system call that is not there */
static void wait_for_reader(void)
{
	my_syscall3(__NR_poll, NULL, 0, 100);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "cold";
	char text[16], *content;

	require_device();
	ktap_plan(2);

	if (!strcmp(mode, "poweroff")) {
		ktap_skip("mode of the restart", "the guest powers off");
		wait_for_reader();
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	} else {
		write_text(MODE, mode);
		content = read_text(MODE, text, sizeof(text));
		ktap_result(content && !strcmp(content, mode), "mode of the restart");
		wait_for_reader();
		reboot(LINUX_REBOOT_CMD_RESTART);
	}
	ktap_result(0, "the guest has ended");

	return ktap_exit_status();
}

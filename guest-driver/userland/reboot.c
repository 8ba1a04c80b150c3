// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sbin/poweroff and /sbin/reboot, which the kernel runs for orderly_poweroff()
 * and orderly_reboot(). Built with the nolibc of the kernel.
 */

int main(int argc, char *argv[])
{
	const char *name = argc ? argv[0] : "";

	if (strchr(name, '/'))
		name = strrchr(name, '/') + 1;
	if (!strcmp(name, "poweroff"))
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	else
		reboot(LINUX_REBOOT_CMD_RESTART);

	return 1;
}

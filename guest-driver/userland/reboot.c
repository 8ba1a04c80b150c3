// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sbin/poweroff and /sbin/reboot, which the kernel runs for orderly_poweroff()
 * and orderly_reboot(). Built with the nolibc of the kernel.
 */

int main(int argc, char *argv[])
{
	const char *name = argc ? strrchr(argv[0], '/') : NULL;

	if (name && !strcmp(name, "/poweroff"))
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	else
		reboot(LINUX_REBOOT_CMD_RESTART);

	return 1;
}

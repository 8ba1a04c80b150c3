// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sbin/poweroff and /sbin/reboot, which the kernel runs for orderly_poweroff()
 * and orderly_reboot(). Built with the nolibc of the kernel.
 *
 * Usage: poweroff [-c EXIT_CODE]
 *        reboot [-m cold|warm|hard|soft|gpio]
 */

#include "bound_devices.h"

#define MODE	"/sys/kernel/reboot/mode"

static const char *program, *exit_code;

/* Ends the program unless the kernel takes the value */
static void write_value(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	/* Of an empty value the kernel takes no notice */
	if (fd < 0 || write(fd, value, strlen(value)) <= 0) {
		fprintf(stderr, "%s: cannot write '%s' to %s: errno %d\n",
			program, value, path, errno);
		exit(1);
	}
	close(fd);
}

static void set_exit_code(const char *driver, const char *device)
{
	char path[256] = DRIVERS;

	strlcat(path, driver, sizeof(path));
	strlcat(path, "/", sizeof(path));
	strlcat(path, device, sizeof(path));
	strlcat(path, "/exit_code", sizeof(path));
	write_value(path, exit_code);
}

/* The value of the program's only option, NULL where it is not given */
static const char *option_value(int argc, char *argv[], const char *option)
{
	if (argc <= 1)
		return NULL;
	if (argc != 3 || strcmp(argv[1], option)) {
		fprintf(stderr, "usage: %s [%s VALUE]\n", program, option);
		exit(1);
	}
	return argv[2];
}

int main(int argc, char *argv[])
{
	const char *mode;

	program = argc ? argv[0] : "";
	if (strchr(program, '/'))
		program = strrchr(program, '/') + 1;

	if (!strcmp(program, "poweroff")) {
		exit_code = option_value(argc, argv, "-c");
		if (exit_code && visit_bound_devices("pvctl", set_exit_code) < 1) {
			fprintf(stderr, "%s: no pvctl takes the exit code\n", program);
			return 1;
		}
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	} else {
		mode = option_value(argc, argv, "-m");
		if (mode)
			write_value(MODE, mode);
		reboot(LINUX_REBOOT_CMD_RESTART);
	}

	fprintf(stderr, "%s: errno %d\n", program, errno);
	return 1;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process: loads the modules under test, tells which devices they
 * are bound to, runs the programs that the word "run=" of the command line
 * names, separated by commas, and does what "act=" says. Built with the nolibc
 * of the kernel (tools/include/nolibc).
 */

#include "bound_devices.h"

#define MODULE_LIST	"/modules.list"

/* One write per line: the console may be shared with the kernel's messages */
static void say(const char *subject, const char *predicate)
{
	char line[512] = "init: ";

	strlcat(line, subject, sizeof(line) - 1);
	strlcat(line, predicate, sizeof(line) - 1);
	strlcat(line, "\n", sizeof(line));
	write(STDOUT_FILENO, line, strlen(line));
}

static void say_failed(const char *subject)
{
	char predicate[32] = " failed: errno ";

	strlcat(predicate, itoa(errno), sizeof(predicate));
	say(subject, predicate);
}

static void mount_filesystem(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount("none", where, type, 0, NULL))
		say_failed(where);
}

static void report_bound_device(const char *driver, const char *device)
{
	char predicate[128] = " bound to ";

	strlcat(predicate, device, sizeof(predicate));
	say(driver, predicate);
}

/* The platform driver is taken to bear the name of its module */
static void load_module(char *path)
{
	char *name = strrchr(path, '/'), *suffix;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || __sysret(my_syscall3(__NR_finit_module, fd, "", 0)) < 0) {
		say_failed(path);
		return;
	}
	close(fd);
	say(path, " loaded");

	name = name ? name + 1 : path;
	suffix = strrchr(name, '.');
	if (suffix)
		*suffix = '\0';
	if (visit_bound_devices(name, report_bound_device) == 0)
		say(name, " bound to nothing");
}

static void load_modules(void)
{
	char list[1024], *line, *end;
	int fd = open(MODULE_LIST, O_RDONLY), length;

	if (fd < 0) {
		say_failed(MODULE_LIST);
		return;
	}
	length = read(fd, list, sizeof(list) - 1);
	close(fd);
	list[length > 0 ? length : 0] = '\0';

	for (line = list; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		load_module(line);
	}
}

/* Runs a program until it ends */
static void run_program(const char *path)
{
	char predicate[32] = " exited with ";
	int status;
	pid_t child = fork();

	if (child == 0) {
		execve(path, (char *[]){ (char *)path, NULL }, environ);
		say_failed(path);
		exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		say_failed(path);
		return;
	}
	if (WIFEXITED(status)) {
		strlcat(predicate, itoa(WEXITSTATUS(status)), sizeof(predicate));
		say(path, predicate);
	} else {
		say(path, " was killed");
	}
}

static void run_programs(char *paths)
{
	char *path, *next;

	for (path = paths; path; path = next) {
		next = strchr(path, ',');
		if (next)
			*next++ = '\0';
		run_program(path);
	}
}

/* Repeats each line of the console until one of them is an action itself */
static const char *echo(void)
{
	static char line[256];
	int length;

	say("echo", " until 'poweroff' or 'reboot'");
	while ((length = read(STDIN_FILENO, line, sizeof(line) - 1)) > 0) {
		if (line[length - 1] == '\n')
			length--;
		line[length] = '\0';
		say(line, "");
		if (!strcmp(line, "poweroff"))
			return "poweroff";
		if (!strcmp(line, "reboot"))
			return "restart";
	}
	return "poweroff";
}

int main(void)
{
	/* The kernel hands words that it does not know to init's environment */
	const char *act = getenv("act");
	char *programs = getenv("run");

	mount_filesystem("proc", "/proc");
	mount_filesystem("sysfs", "/sys");
	mount_filesystem("devtmpfs", "/dev");
	load_modules();
	run_programs(programs);

	if (!act)
		act = "poweroff";
	if (!strcmp(act, "echo"))
		act = echo();
	say("act=", act);

	if (!strcmp(act, "poweroff"))
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	else if (!strcmp(act, "restart"))
		reboot(LINUX_REBOOT_CMD_RESTART);
	else if (!strcmp(act, "halt"))
		reboot(LINUX_REBOOT_CMD_HALT);
	else if (!strcmp(act, "idle"))
		while (1)
			my_syscall0(__NR_pause);
	else if (strcmp(act, "panic"))
		say(act, " is not an action");

	/* The kernel panics when init ends */
	return 1;
}

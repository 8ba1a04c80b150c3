// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests that /tests.list names, one path in each line, and tells on the
 * console how each of them ended, by the exit statuses of kselftest:
 *
 *	run_tests: /tests/futex_wait: begins
 *	run_tests: /tests/futex_wait: passed
 *
 * A test has SECONDS of the guest's time. It runs in its own directory.
 *
 * Built with the nolibc of the kernel (tools/include/nolibc).
 */

#define TEST_LIST	"/tests.list"
#define SECONDS		10

#define KSFT_PASS	0
#define KSFT_SKIP	4

static char list[16384];

/* Begins a line of its own: the test may not have ended its last one */
static void say(const char *path, const char *event)
{
	char line[512] = "\nrun_tests: ";

	strlcat(line, path, sizeof(line) - 1);
	strlcat(line, ": ", sizeof(line) - 1);
	strlcat(line, event, sizeof(line) - 1);
	strlcat(line, "\n", sizeof(line));
	write(STDOUT_FILENO, line, strlen(line));
}

static void mount_filesystem(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount("none", where, type, 0, NULL))
		perror(where);
}

/* In the child: ends with the test, or by the signal of the timer, which outlives execve() */
static void execute(char *path)
{
	/* As the system call takes it: interval and first expiry, each seconds and microseconds */
	long timer[4] = { 0, 0, SECONDS, 0 };
	char *name = strrchr(path, '/');

	setpgid(0, 0);
	my_syscall3(__NR_setitimer, 0, timer, 0);
	*name = '\0';
	if (chdir(*path ? path : "/"))
		exit(126);
	*name = '/';
	execve(path, (char *[]){ path, NULL }, environ);
	exit(127);
}

static void run(char *path)
{
	char event[64];
	int status;
	pid_t child;

	say(path, "begins");
	child = fork();
	if (child == 0)
		execute(path);
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		say(path, "cannot be started");
		return;
	}
	/* What it has left running must not disturb the next one */
	kill(-child, SIGKILL);

	event[0] = '\0';
	/* nolibc's WIFSIGNALED takes status 0 for a signal */
	if (!WIFEXITED(status)) {
		strlcat(event, "killed by signal ", sizeof(event));
		strlcat(event, itoa(WTERMSIG(status)), sizeof(event));
	} else if (WEXITSTATUS(status) == KSFT_PASS) {
		strlcat(event, "passed", sizeof(event));
	} else if (WEXITSTATUS(status) == KSFT_SKIP) {
		strlcat(event, "skipped", sizeof(event));
	} else {
		strlcat(event, "failed with ", sizeof(event));
		strlcat(event, itoa(WEXITSTATUS(status)), sizeof(event));
	}
	say(path, event);
}

int main(void)
{
	int fd = open(TEST_LIST, O_RDONLY), length;
	char *line, *end;

	if (fd < 0) {
		perror("run_tests: " TEST_LIST);
		return 1;
	}
	length = read(fd, list, sizeof(list) - 1);
	close(fd);
	list[length > 0 ? length : 0] = '\0';

	mount_filesystem("tmpfs", "/tmp");
	mount_filesystem("tmpfs", "/dev/shm");
	mount_filesystem("devpts", "/dev/pts");
	for (line = list; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		run(line);
	}
	return 0;
}

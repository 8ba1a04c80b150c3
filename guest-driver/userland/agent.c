// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent: does in the guest what a test on the host asks for on the second
 * serial port. Built with the nolibc of the kernel (tools/include/nolibc).
 */

#include <asm/ioctls.h>
#include <asm/termbits.h>

#include "agent_protocol.h"

#define PORT		"/dev/ttyS1"
#define HEADER_SIZE	5
#define CRC_SIZE	4
#define MAX_ARGUMENTS	64

struct request {
	unsigned char type;
	unsigned int length;
	/* What has not been taken of the payload */
	char *next, *end;
};

static int port;
static char received[HEADER_SIZE + AGENT_MAX_PAYLOAD + CRC_SIZE + 1];
static char answered[HEADER_SIZE + AGENT_MAX_PAYLOAD + CRC_SIZE];

static unsigned int get_u32(const char *bytes)
{
	const unsigned char *b = (const unsigned char *)bytes;

	return (unsigned int)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static void put_u32(char *bytes, unsigned int value)
{
	bytes[0] = value >> 24;
	bytes[1] = value >> 16;
	bytes[2] = value >> 8;
	bytes[3] = value;
}

/* Four bits at a time: a table of 16 words is worth its space */
static unsigned int crc32(const char *bytes, unsigned int length)
{
	static unsigned int table[16];
	unsigned int crc = ~0u, index, bit;

	for (index = 0; !table[15] && index < 16; index++) {
		table[index] = index;
		for (bit = 0; bit < 4; bit++)
			table[index] = table[index] >> 1 ^ (table[index] & 1 ? 0xedb88320 : 0);
	}

	while (length--) {
		crc ^= (unsigned char)*bytes++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static int read_fully(int fd, char *bytes, unsigned int length)
{
	while (length) {
		ssize_t count = read(fd, bytes, length);

		if (count <= 0)
			return -1;
		bytes += count;
		length -= count;
	}
	return 0;
}

static int write_fully(int fd, const char *bytes, unsigned int length)
{
	while (length) {
		ssize_t count = write(fd, bytes, length);

		if (count < 0)
			return -1;
		bytes += count;
		length -= count;
	}
	return 0;
}

/* Answers with the payload that is in place already */
static void send_answer(unsigned char type, unsigned int length)
{
	put_u32(answered, length);
	answered[4] = type;
	put_u32(answered + HEADER_SIZE + length, crc32(answered, HEADER_SIZE + length));
	write_fully(port, answered, HEADER_SIZE + length + CRC_SIZE);
}

static void send_number(unsigned char type, unsigned int number)
{
	put_u32(answered + HEADER_SIZE, number);
	send_answer(type, 4);
}

static void send_result(int result)
{
	if (result < 0)
		send_number(AGENT_ANSWER_ERROR, errno);
	else
		send_answer(AGENT_ANSWER_DONE, 0);
}

/* After a damaged request nothing tells where the next one starts */
static int receive(struct request *request)
{
	unsigned int length;

	if (read_fully(port, received, HEADER_SIZE))
		return -1;
	length = get_u32(received);
	if (length > AGENT_MAX_PAYLOAD)
		goto damaged;
	if (read_fully(port, received + HEADER_SIZE, length + CRC_SIZE))
		return -1;
	if (get_u32(received + HEADER_SIZE + length) != crc32(received, HEADER_SIZE + length))
		goto damaged;

	request->type = received[4];
	request->next = received + HEADER_SIZE;
	request->end = request->next + length;
	/* A string that is not terminated ends here, in place of the CRC */
	*request->end = '\0';
	return 0;

damaged:
	ioctl(port, TCFLSH, (void *)TCIFLUSH);
	errno = EBADMSG;
	send_result(-1);
	return 1;
}

static unsigned int take_u32(struct request *request)
{
	unsigned int value = 0;

	if (request->end - request->next >= 4)
		value = get_u32(request->next);
	request->next += 4;
	return value;
}

static char *take_string(struct request *request)
{
	char *string = request->next < request->end ? request->next : request->end;

	request->next = string + strlen(string) + 1;
	return string;
}

/* A name without a slash is that of a program in one of two directories */
static void execute(char **argv)
{
	static const char * const directories[] = { "/bin/", "/sbin/" };
	char path[256];
	int i;

	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, environ);
		return;
	}
	for (i = 0; i < 2; i++) {
		path[0] = '\0';
		strlcat(path, directories[i], sizeof(path));
		strlcat(path, argv[0], sizeof(path));
		execve(path, argv, environ);
	}
}

static void become_program(char **argv, int output, int errors)
{
	int input = open("/dev/null", O_RDONLY);

	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	execute(argv);
	fprintf(stderr, "%s: cannot be executed: errno %d\n", argv[0], errno);
	exit(127);
}

/* Passes on what the program writes, until it and its children have closed both ends */
static void pass_on(int output, int errors)
{
	struct pollfd ends[] = {
		{ .fd = output, .events = POLLIN },
		{ .fd = errors, .events = POLLIN },
	};
	static const unsigned char types[] = { AGENT_ANSWER_STDOUT, AGENT_ANSWER_STDERR };
	int open_ends = 2, i;

	/* The poll() of nolibc needs 32-bit times, which the kernel may lack */
	while (open_ends && my_syscall3(__NR_poll, ends, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			ssize_t count;

			if (!ends[i].revents)
				continue;
			count = read(ends[i].fd, answered + HEADER_SIZE, AGENT_MAX_PAYLOAD);
			if (count > 0) {
				send_answer(types[i], count);
			} else {
				ends[i].fd = -1;
				open_ends--;
			}
		}
	}
}

static void run(struct request *request)
{
	char *argv[MAX_ARGUMENTS + 1];
	int output[2], errors[2], count = 0, status = 0;
	pid_t child;

	while (request->next < request->end && count < MAX_ARGUMENTS)
		argv[count++] = take_string(request);
	argv[count] = NULL;
	if (!count || request->next < request->end) {
		errno = E2BIG;
		send_result(-1);
		return;
	}

	if (pipe2(output, O_CLOEXEC)) {
		send_result(-1);
		return;
	}
	if (pipe2(errors, O_CLOEXEC)) {
		send_result(-1);
		close(output[0]);
		close(output[1]);
		return;
	}

	/* The memory of the agent need not be copied for what execve() replaces at once */
	child = __sysret(my_syscall0(__NR_vfork));
	if (child == 0)
		become_program(argv, output[1], errors[1]);
	close(output[1]);
	close(errors[1]);
	if (child < 0) {
		send_result(-1);
	} else {
		pass_on(output[0], errors[0]);
		waitpid(child, &status, 0);
		send_number(AGENT_ANSWER_ENDED, status);
	}
	close(output[0]);
	close(errors[0]);
}

static void read_file(struct request *request)
{
	unsigned int offset = take_u32(request), length = take_u32(request), done = 0;
	int fd = open(take_string(request), O_RDONLY);
	ssize_t count = fd;

	if (fd >= 0 && offset)
		count = lseek(fd, offset, SEEK_SET);
	if (length > AGENT_MAX_PAYLOAD)
		length = AGENT_MAX_PAYLOAD;
	while (count >= 0 && done < length) {
		count = read(fd, answered + HEADER_SIZE + done, length - done);
		if (count == 0)
			break;
		done += count;
	}

	if (count < 0)
		send_result(-1);
	else
		send_answer(AGENT_ANSWER_DATA, done);
	if (fd >= 0)
		close(fd);
}

static void write_file(struct request *request)
{
	unsigned int offset = take_u32(request), mode = take_u32(request);
	int fd = open(take_string(request), O_WRONLY | O_CREAT | (offset ? 0 : O_TRUNC), mode);
	int result = fd;

	if (fd >= 0 && offset)
		result = lseek(fd, offset, SEEK_SET) < 0 ? -1 : 0;
	if (result >= 0 && request->next < request->end)
		result = write_fully(fd, request->next, request->end - request->next);
	/* Before the answer: a file that is open for writing cannot be executed */
	if (fd >= 0 && close(fd))
		result = -1;
	send_result(result);
}

static void load_module(struct request *request)
{
	int fd = open(take_string(request), O_RDONLY);
	/* Calls among the arguments of my_syscall3() would spoil its registers */
	const char *parameters = take_string(request);

	if (fd < 0) {
		send_result(-1);
		return;
	}
	send_result(__sysret(my_syscall3(__NR_finit_module, fd, parameters, 0)));
	close(fd);
}

static void unload_module(struct request *request)
{
	const char *name = take_string(request);

	send_result(__sysret(my_syscall2(__NR_delete_module, name, O_NONBLOCK)));
}

static void mount_filesystem(struct request *request)
{
	const char *type = take_string(request), *source = take_string(request);
	const char *target = take_string(request), *options = take_string(request);

	send_result(mount(source, target, type, 0, options));
}

static void serve(struct request *request)
{
	switch (request->type) {
	case AGENT_REQUEST_RUN:
		run(request);
		break;
	case AGENT_REQUEST_READ:
		read_file(request);
		break;
	case AGENT_REQUEST_WRITE:
		write_file(request);
		break;
	case AGENT_REQUEST_INSMOD:
		load_module(request);
		break;
	case AGENT_REQUEST_RMMOD:
		unload_module(request);
		break;
	case AGENT_REQUEST_MOUNT:
		mount_filesystem(request);
		break;
	case AGENT_REQUEST_REBOOT:
		send_result(reboot(take_u32(request)));
		break;
	default:
		errno = EOPNOTSUPP;
		send_result(-1);
	}
}

/* Bytes pass unchanged, and each as soon as it has come */
static int open_port(void)
{
	struct termios settings = {
		.c_cflag = B115200 | CS8 | CREAD | CLOCAL,
		.c_cc[VMIN] = 1,
	};
	int fd = open(PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, TCSETS, &settings) < 0)
		return -1;
	return fd;
}

int main(void)
{
	struct request request;
	int damaged;

	port = open_port();
	if (port < 0) {
		perror("agent: " PORT);
		return 1;
	}

	send_number(AGENT_ANSWER_HELLO, AGENT_VERSION);
	while ((damaged = receive(&request)) >= 0) {
		if (!damaged)
			serve(&request);
	}
	return 1;
}

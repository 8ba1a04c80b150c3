// SPDX-License-Identifier: GPL-2.0-only
/*
 * Works on the files that the word "files=" of the kernel's command line
 * names, separated by commas and in their order: prints the content of one,
 * or writes what follows an "=" to it.
 */

static void report_error(const char *path)
{
	printf("files: %s: errno %d\n", path, errno);
}

static void print_file(const char *path)
{
	char content[256];
	int fd = open(path, O_RDONLY);
	ssize_t length;

	if (fd < 0) {
		report_error(path);
		return;
	}
	length = read(fd, content, sizeof(content) - 1);
	if (length < 0) {
		report_error(path);
	} else {
		content[length] = '\0';
		printf("files: %s: %s", path, content);
	}
	close(fd);
}

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0) {
		report_error(path);
		return;
	}
	if (write(fd, value, strlen(value)) < 0)
		report_error(path);
	close(fd);
}

int main(void)
{
	char *path = getenv("files"), *next, *value;

	for (; path; path = next) {
		next = strchr(path, ',');
		if (next)
			*next++ = '\0';
		value = strchr(path, '=');
		if (value) {
			*value = '\0';
			write_file(path, value + 1);
		} else {
			print_file(path);
		}
	}
	return 0;
}

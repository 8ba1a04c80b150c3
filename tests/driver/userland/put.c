// SPDX-License-Identifier: GPL-2.0-only
/* put FILE TEXT: writes the text to the file, and ends when that has come to an end */

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_WRONLY) : -1;

	return fd < 0 || write(fd, argv[2], strlen(argv[2])) < 0;
}

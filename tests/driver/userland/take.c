// SPDX-License-Identifier: GPL-2.0-only
/*
 * take FILE COUNT: waits for so many bytes of the file, no more than 256,
 * and prints them in hexadecimal
 */

static unsigned char buffer[256];

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
	size_t count = argc == 3 ? atol(argv[2]) : 0, done = 0, i;

	if (fd < 0 || count > sizeof(buffer))
		return 1;
	while (done < count) {
		ssize_t got = read(fd, buffer + done, count - done);

		if (got <= 0)
			return 2;
		done += got;
	}
	for (i = 0; i < done; i++) {
		putchar("0123456789abcdef"[buffer[i] >> 4]);
		putchar("0123456789abcdef"[buffer[i] & 15]);
	}
	return 0;
}

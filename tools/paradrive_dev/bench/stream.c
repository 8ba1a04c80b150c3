// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads as many times 4 KiB as the word "requests=" of the kernel's arguments
 * says from the device that "stream=" names, past the page cache, and begins
 * again where that ends.
 */

#include <stdalign.h>

#define SIZE		4096
#define UNCACHED	0400000	/* O_DIRECT */

static alignas(SIZE) char buffer[SIZE];

int main(void)
{
	const char *path = getenv("stream"), *requests = getenv("requests");
	int fd, count, done, length;

	if (!path || !requests)
		return 1;
	fd = open(path, O_RDONLY | UNCACHED);
	if (fd < 0)	/* what is no disk has no page cache */
		fd = open(path, O_RDONLY);
	if (fd < 0)
		return 2;
	for (count = atoi(requests); count; count--) {
		for (done = 0; done < SIZE; done += length) {
			length = read(fd, buffer + done, SIZE - done);
			if (length < 0)
				return 3;
			if (length == 0 && lseek(fd, 0, SEEK_SET) < 0)
				return 4;
		}
	}
	return 0;
}

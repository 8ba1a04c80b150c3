// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty_pages COUNT: map so many pages of memory, write a word to each, and end.
 */

#include <sys/mman.h>

#define PAGE_SIZE 4096

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	char *pages = mmap(NULL, count * PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	if (pages == MAP_FAILED)
		return 1;
	for (i = 0; i < count; i++)
		*(int *)(pages + i * PAGE_SIZE) = i + 1;
	return 0;
}

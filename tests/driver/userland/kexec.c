// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec ENTRY FILE ADDRESS...: puts the files at these physical addresses, and
 * lets the kernel hand the machine over to what begins at the entry. Numbers are
 * hexadecimal.
 */

#include <linux/kexec.h>

#define PAGE		4096
#define MAX_SIZE	(16 << 20)

static int read_segment(struct kexec_segment *segment, const char *path, const char *address)
{
	char *content = malloc(MAX_SIZE);
	int fd = open(path, O_RDONLY);
	ssize_t count, size = 0;

	if (!content || fd < 0)
		return -1;
	while ((count = read(fd, content + size, MAX_SIZE - size)) > 0)
		size += count;
	close(fd);
	if (count < 0 || size == MAX_SIZE)
		return -1;

	segment->buf = content;
	segment->bufsz = size;
	segment->mem = (void *)strtoul(address, NULL, 16);
	segment->memsz = (size + PAGE - 1) / PAGE * PAGE;
	return 0;
}

int main(int argc, char **argv)
{
	struct kexec_segment segments[KEXEC_SEGMENT_MAX];
	unsigned long entry = strtoul(argc > 1 ? argv[1] : "", NULL, 16);
	int count;

	for (count = 0; 2 * count + 3 < argc && count < KEXEC_SEGMENT_MAX; count++) {
		if (read_segment(&segments[count], argv[2 * count + 2], argv[2 * count + 3])) {
			perror(argv[2 * count + 2]);
			return 1;
		}
	}
	if (__sysret(my_syscall4(__NR_kexec_load, entry, count, segments, KEXEC_ARCH_PPC)) < 0) {
		perror("kexec_load");
		return 1;
	}
	reboot(LINUX_REBOOT_CMD_KEXEC);
	perror("reboot");
	return 1;
}

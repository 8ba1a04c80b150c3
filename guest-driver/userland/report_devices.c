// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the kernel's log what became of the nodes of the device tree: a line for
 * each that the kernel has made a platform device of, and a last one. Where
 * pvctl has not bound to a device of its kind, the number says why. A tree can be
 * so wrong that there is no console; the log is there.
 *
 *	device: /platform@f00000000/pvctl@0 f00000000.pvctl driver pvctl features 0x1f;
 *	device: /platform@f00000000 f00000000.platform no driver;
 *	device: /platform@f00000000/pvctl@1000 f00001000.pvctl probe -16;
 *	devices: end;
 *
 * The semicolons tell a reader of the log's memory where a line ends.
 *
 * Built with the nolibc of the kernel (tools/include/nolibc).
 */

#define DEVICES		"/sys/bus/platform/devices/"
#define TREE		"firmware/devicetree/base"
#define COMPATIBLE	"qemu,pvctl"
#define BIND		"/sys/bus/platform/drivers/pvctl/bind"

#define LOG		"/dev/kmsg"

#define PATH_SIZE	512

static int kernel_log = STDOUT_FILENO;

/* The path of a file of a device */
static void file_of_device(char *path, const char *device, const char *file)
{
	path[0] = '\0';
	strlcat(path, DEVICES, PATH_SIZE);
	strlcat(path, device, PATH_SIZE);
	strlcat(path, file, PATH_SIZE);
}

/* Where a link of a device leads to; NULL if the device has none of this name */
static char *follow_link(char *target, const char *device, const char *link)
{
	char path[PATH_SIZE];
	ssize_t length;

	file_of_device(path, device, link);
	length = my_syscall3(__NR_readlink, path, target, PATH_SIZE - 1);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	return target;
}

/* The path of the device's node: the link has that of the directory which shows it */
static const char *node_of_device(char *target, const char *device)
{
	char *position;

	if (!follow_link(target, device, "/of_node"))
		return NULL;
	for (position = target; *position; position++) {
		if (memcmp(position, TREE, strlen(TREE)))
			continue;
		position += strlen(TREE);
		return *position ? position : "/";
	}
	return NULL;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Linux compares compatible strings without regard to case (of_compat_cmp) */
static int is_compatible(const char *name)
{
	const char *other = COMPATIBLE;

	while (*name && lower(*name) == *other) {
		name++;
		other++;
	}
	return *name == *other;
}

/* Whether the node has the string that the driver matches */
static int is_pvctl(const char *device)
{
	char path[PATH_SIZE], names[PATH_SIZE], *name;
	ssize_t length;
	int fd;

	file_of_device(path, device, "/of_node/compatible");
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	length = read(fd, names, sizeof(names) - 1);
	close(fd);
	if (length < 0)
		return 0;

	names[length] = '\0';
	for (name = names; name < names + length; name += strlen(name) + 1) {
		if (is_compatible(name))
			return 1;
	}
	return 0;
}

/* Lets the driver try once more; what its probe returns is what write() does */
static int probe(const char *device)
{
	int fd = open(BIND, O_WRONLY), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, device, strlen(device)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* What the driver has accepted, of a device that it is bound to */
static void add_features(char *line, const char *device)
{
	char path[PATH_SIZE], features[16];
	ssize_t length;
	int fd;

	file_of_device(path, device, "/features");
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	length = read(fd, features, sizeof(features) - 1);
	close(fd);
	if (length < 1)
		return;
	/* Without the newline */
	features[length - 1] = '\0';
	strlcat(line, " features ", 2 * PATH_SIZE - 2);
	strlcat(line, features, 2 * PATH_SIZE - 2);
}

static void report(const char *device)
{
	char node_target[PATH_SIZE], driver_target[PATH_SIZE], line[2 * PATH_SIZE] = "device: ";
	const char *node = node_of_device(node_target, device);
	int error = 0;

	if (!node)
		return;
	strlcat(line, node, sizeof(line) - 2);
	strlcat(line, " ", sizeof(line) - 2);
	strlcat(line, device, sizeof(line) - 2);

	if (!follow_link(driver_target, device, "/driver") && is_pvctl(device))
		error = probe(device);
	if (error) {
		strlcat(line, " probe -", sizeof(line) - 2);
		strlcat(line, itoa(error), sizeof(line) - 2);
	} else if (follow_link(driver_target, device, "/driver")) {
		strlcat(line, " driver ", sizeof(line) - 2);
		strlcat(line, strrchr(driver_target, '/') + 1, sizeof(line) - 2);
		add_features(line, device);
	} else {
		strlcat(line, " no driver", sizeof(line) - 2);
	}

	/* Each write is one message */
	strlcat(line, ";\n", sizeof(line));
	write(kernel_log, line, strlen(line));
}

int main(void)
{
	static const char end[] = "devices: end;\n";
	struct linux_dirent64 *entry;
	char entries[1024];
	int fd = open(DEVICES, O_RDONLY | O_DIRECTORY), length, offset;

	if (fd < 0) {
		perror("devices: " DEVICES);
		return 1;
	}
	kernel_log = open(LOG, O_WRONLY);
	if (kernel_log < 0)
		kernel_log = STDOUT_FILENO;
	while ((length = getdents64(fd, (void *)entries, sizeof(entries))) > 0) {
		for (offset = 0; offset < length; offset += entry->d_reclen) {
			entry = (void *)(entries + offset);
			if (entry->d_type == DT_LNK)
				report(entry->d_name);
		}
	}
	close(fd);
	write(kernel_log, end, strlen(end));
	return 0;
}

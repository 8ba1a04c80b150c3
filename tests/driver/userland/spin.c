// SPDX-License-Identifier: GPL-2.0-only
/* Never leaves the CPU to anybody: spins with the highest priority of all tasks */

#include <linux/sched.h>

int main(void)
{
	static const char spins[] = "spin: spins from now on\n";
	int priority = 99;

	if (__sysret(my_syscall3(__NR_sched_setscheduler, 0, SCHED_FIFO, &priority)) < 0)
		return 1;
	write(open("/dev/kmsg", O_WRONLY), spins, sizeof(spins) - 1);
	while (1)
		;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the kernel panic; the host sees whether the crash is reported. The
 * result of a test that goes well is never printed.
 *
 * A signal cannot kill init, but a debugger can. Unlike /proc/sysrq-trigger
 * that works with every configuration of the kernel.
 */

#include <linux/ptrace.h>

#include "pvctl.h"

#define INIT	1

static int ptrace_init(long request, long signal)
{
	return __sysret(my_syscall4(__NR_ptrace, request, INIT, 0, signal));
}

int main(void)
{
	int stopped;

	require_device();
	require_feature(FEATURE_CRASH, "the host does not offer CRASH");
	ktap_plan(2);

	stopped = !ptrace_init(PTRACE_ATTACH, 0) && waitpid(INIT, NULL, 0) == INIT;
	ktap_result(stopped, "init can be debugged");
	wait_for_reader();
	if (stopped)
		ptrace_init(PTRACE_CONT, SIGKILL);
	wait_for_reader();
	ktap_result(0, "the kernel has panicked");

	return ktap_exit_status();
}

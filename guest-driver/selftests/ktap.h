/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results in the Kernel Test Anything Protocol, version 1
 * (Documentation/dev-tools/ktap.rst), for a program that is one test with a
 * plan. Exit statuses are those of kselftest.
 */

#ifndef KTAP_H
#define KTAP_H

#define KSFT_PASS	0
#define KSFT_FAIL	1
#define KSFT_SKIP	4

static int ktap_number, ktap_failures;

static inline void ktap_plan(int tests)
{
	printf("KTAP version 1\n1..%d\n", tests);
}

/* Ends the program: nothing can be tested here */
static inline void ktap_skip_all(const char *reason)
{
	printf("KTAP version 1\n1..0 # SKIP %s\n", reason);
	exit(KSFT_SKIP);
}

static inline void ktap_result(int passed, const char *name)
{
	ktap_failures += !passed;
	printf("%s %d %s\n", passed ? "ok" : "not ok", ++ktap_number, name);
}

static inline void ktap_skip(const char *name, const char *reason)
{
	printf("ok %d %s # SKIP %s\n", ++ktap_number, name, reason);
}

static inline int ktap_exit_status(void)
{
	return ktap_failures ? KSFT_FAIL : KSFT_PASS;
}

#endif

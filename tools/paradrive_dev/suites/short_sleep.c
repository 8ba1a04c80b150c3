// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For tests that let threads compute while they sleep for 20 seconds: here a second
 * is a millisecond, of a guest that executes one instruction in a nanosecond.
 */

#include <unistd.h>

unsigned int sleep(unsigned int seconds)
{
	usleep(seconds * 1000);
	return 0;
}

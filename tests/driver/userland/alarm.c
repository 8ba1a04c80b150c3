// SPDX-License-Identifier: GPL-2.0-only
/*
 * alarm SECONDS: sets the alarm of /dev/rtc0 to so many seconds after its
 * present time, and waits for it
 */

#include <linux/rtc.h>

int main(int argc, char **argv)
{
	struct rtc_wkalrm alarm = { .enabled = 1 };
	unsigned long ring;
	int fd = open("/dev/rtc0", O_RDONLY);

	if (argc != 2 || ioctl(fd, RTC_RD_TIME, &alarm.time))
		return 1;
	alarm.time.tm_sec += atoi(argv[1]);
	if (ioctl(fd, RTC_WKALM_SET, &alarm))
		return 2;
	return read(fd, &ring, sizeof(ring)) != sizeof(ring);
}

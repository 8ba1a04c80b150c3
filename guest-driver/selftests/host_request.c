// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a request of the host: to shut down, to reboot or to crash. It
 * depends on the distribution whether this program sees the end of the guest.
 */

#include "pvctl.h"

/* The interrupt bears the name of the device */
static int has_interrupt(const char *device)
{
	char text[4096], *place = read_text("/proc/interrupts", text, sizeof(text));

	while (place && strncmp(place, device, strlen(device)))
		place = *place ? place + 1 : NULL;
	return !!place;
}

int main(void)
{
	const char *device = require_device();

	require_feature(FEATURE_EVENTS, "the host does not offer EVENTS");
	mount("none", "/proc", "proc", 0, NULL);
	ktap_plan(2);
	ktap_result(has_interrupt(device), "the driver has its interrupt");
	wait_for_request();

	return ktap_exit_status();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbinds the device and binds it again while the host requests a shutdown, a
 * reboot or a crash. What the driver is told before it lets go of the interrupt
 * is served at once, though the guest may have to do without the driver then.
 * Later the device refuses, and the host can repeat the request.
 */

#include "pvctl.h"

int main(void)
{
	const char *device = require_device();

	require_feature(FEATURE_EVENTS, "the host does not offer EVENTS");
	ktap_plan(3);
	ktap_result(!unbind_device(device) && !is_bound(device), "unbound");
	ktap_result(!bind_device(device) && is_bound(device), "bound");
	wait_for_request();

	return ktap_exit_status();
}

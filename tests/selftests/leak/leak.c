// SPDX-License-Identifier: GPL-2.0-only
/* Loses memory whenever a driver is bound to a platform device */

#include <linux/device/bus.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#define LOST	256

static int leak_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_BOUND_DRIVER && !kmalloc(LOST, GFP_KERNEL))
		pr_err("leak: there is nothing left to lose\n");
	return NOTIFY_DONE;
}

static struct notifier_block leak_nb = {
	.notifier_call = leak_notify,
};

static int __init leak_init(void)
{
	return bus_register_notifier(&platform_bus_type, &leak_nb);
}
module_init(leak_init);

static void __exit leak_exit(void)
{
	bus_unregister_notifier(&platform_bus_type, &leak_nb);
}
module_exit(leak_exit);

MODULE_DESCRIPTION("Loses memory, for tests of those who look for that");
MODULE_LICENSE("GPL");

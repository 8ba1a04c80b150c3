// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that hangs: as soon as it is loaded, with interrupts enabled, or in
 * the kernel's panic, where it wants to be the first but one.
 */

#include <linux/limits.h>
#include <linux/module.h>
#include <linux/panic_notifier.h>
#include <linux/processor.h>

static bool in_panic;
module_param(in_panic, bool, 0);

static void __noreturn hang(void)
{
	pr_info("hangs from now on\n");
	for (;;)
		cpu_relax();
}

static int hang_panic(struct notifier_block *nb, unsigned long code, void *message)
{
	hang();
}

static struct notifier_block hang_panic_nb = {
	.notifier_call = hang_panic,
	.priority = INT_MAX - 1,
};

static int __init hang_init(void)
{
	if (!in_panic)
		hang();
	return atomic_notifier_chain_register(&panic_notifier_list, &hang_panic_nb);
}
module_init(hang_init);

static void __exit hang_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &hang_panic_nb);
}
module_exit(hang_exit);

MODULE_DESCRIPTION("Hangs, for tests of what still works then");
MODULE_LICENSE("GPL");

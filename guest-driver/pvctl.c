// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual system controller
 *
 * A device of virtual machines through which the guest powers itself off,
 * resets itself and reports a crash, and through which the host asks the guest
 * to do so, whichever hypervisor or emulator it runs on.
 */

#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/bitfield.h>
#include <linux/container_of.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic.h>
#include <linux/panic_notifier.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/pm_wakeirq.h>
#include <linux/pm_wakeup.h>
#include <linux/power/power_on_reason.h>
#include <linux/property.h>
#include <linux/reboot.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "pvctl_regs.h"

/* The major version that this driver knows */
#define PVCTL_MAJOR			1

/* The events that this driver knows */
#define PVCTL_EVENTS	(PVCTL_EVENT_SHUTDOWN | PVCTL_EVENT_REBOOT | \
			 PVCTL_EVENT_CRASH)

/* How long to wait until the host does what it has accepted */
#define PVCTL_TIMEOUT_MS		1000

/* The range and the meaning of "priority" are those of restart-handler.yaml */
#define PVCTL_PRIORITY_DEFAULT		192
#define PVCTL_PRIORITY_MAX		255

struct pvctl {
	struct device *dev;
	void __iomem *base;
	struct notifier_block panic_nb;
	struct work_struct request_work;
	atomic_t requests;		/* events that request_work is to serve */
	u32 features;			/* what the driver has accepted */
	u32 exit_code;			/* the argument of SHUTDOWN */
};

static u32 pvctl_read(struct pvctl *pvctl, enum pvctl_register reg)
{
	return ioread32be(pvctl->base + reg);
}

static void pvctl_write(struct pvctl *pvctl, enum pvctl_register reg, u32 value)
{
	iowrite32be(value, pvctl->base + reg);
}

static bool pvctl_command(struct pvctl *pvctl, const char *name,
			  enum pvctl_command command, u32 argument)
{
	u32 status;

	pvctl_write(pvctl, PVCTL_ARGUMENT, argument);
	pvctl_write(pvctl, PVCTL_COMMAND, command);

	status = pvctl_read(pvctl, PVCTL_STATUS);
	if (status != PVCTL_STATUS_OK)
		dev_err(pvctl->dev, "%s refused, status %u\n", name, status);

	return status == PVCTL_STATUS_OK;
}

/* Returns only if the host refuses, or fails to do what it has accepted */
static void pvctl_end(struct pvctl *pvctl, const char *name,
		      enum pvctl_command command, u32 argument)
{
	if (!pvctl_command(pvctl, name, command, argument))
		return;

	/* Another handler must not be faster than a host that takes its time */
	mdelay(PVCTL_TIMEOUT_MS);
	dev_emerg(pvctl->dev, "%s accepted, but not carried out\n", name);
}

static int pvctl_power_off(struct sys_off_data *data)
{
	struct pvctl *pvctl = data->cb_data;

	pvctl_end(pvctl, "shutdown", PVCTL_COMMAND_SHUTDOWN, pvctl->exit_code);

	/* Let the next handler try */
	return NOTIFY_DONE;
}

static int pvctl_restart(struct sys_off_data *data)
{
	bool warm = data->mode == REBOOT_WARM || data->mode == REBOOT_SOFT;

	pvctl_end(data->cb_data, "reset", PVCTL_COMMAND_RESET,
		  warm ? PVCTL_RESET_WARM : PVCTL_RESET_COLD);

	return NOTIFY_DONE;
}

static int pvctl_panic(struct notifier_block *nb, unsigned long code,
		       void *message)
{
	struct pvctl *pvctl = container_of(nb, struct pvctl, panic_nb);

	/* panic() gets here before a crash kernel only if it is told so */
	pvctl_command(pvctl, "crash report", PVCTL_COMMAND_CRASH,
		      kexec_crash_loaded() ? PVCTL_CRASH_CRASH_KERNEL :
					     PVCTL_CRASH_PANICKED);

	return NOTIFY_DONE;
}

static void pvctl_unregister_panic_notifier(void *data)
{
	struct pvctl *pvctl = data;

	atomic_notifier_chain_unregister(&panic_notifier_list,
					 &pvctl->panic_nb);
}

static int pvctl_register_panic_notifier(struct pvctl *pvctl)
{
	pvctl->panic_nb.notifier_call = pvctl_panic;
	/* The host shall know before another notifier can hang */
	pvctl->panic_nb.priority = INT_MAX;
	atomic_notifier_chain_register(&panic_notifier_list, &pvctl->panic_nb);

	return devm_add_action_or_reset(pvctl->dev,
					pvctl_unregister_panic_notifier, pvctl);
}

/* The kernel takes one handler of a priority, but any number of priority 0 */
static int pvctl_register_handlers(struct pvctl *pvctl)
{
	u32 priority = PVCTL_PRIORITY_DEFAULT;
	struct device *dev = pvctl->dev;
	int ret;

	device_property_read_u32(dev, "priority", &priority);
	if (priority > PVCTL_PRIORITY_MAX)
		return dev_err_probe(dev, -EINVAL, "invalid priority %u\n",
				     priority);

	if (pvctl->features & PVCTL_FEATURE_SHUTDOWN) {
		ret = devm_register_sys_off_handler(dev, SYS_OFF_MODE_POWER_OFF,
						    priority, pvctl_power_off,
						    pvctl);
		if (ret)
			return dev_err_probe(dev, ret,
					     "cannot register power-off handler of priority %u\n",
					     priority);
	}

	if (pvctl->features & PVCTL_FEATURE_RESET) {
		ret = devm_register_sys_off_handler(dev, SYS_OFF_MODE_RESTART,
						    priority, pvctl_restart,
						    pvctl);
		if (ret)
			return dev_err_probe(dev, ret,
					     "cannot register restart handler of priority %u\n",
					     priority);
	}

	if (pvctl->features & PVCTL_FEATURE_CRASH)
		return pvctl_register_panic_notifier(pvctl);

	return 0;
}

static irqreturn_t pvctl_interrupt(int irq, void *data)
{
	struct pvctl *pvctl = data;
	u32 events = pvctl_read(pvctl, PVCTL_EVENT);

	/* A device that is gone reads as all ones, and requests nothing */
	if (events == U32_MAX)
		return IRQ_NONE;

	/* The line may be shared: a masked event has not asserted it */
	events &= pvctl_read(pvctl, PVCTL_EVENT_MASK) & PVCTL_EVENTS;
	if (!events)
		return IRQ_NONE;

	/* No others: they may have come after the read */
	pvctl_write(pvctl, PVCTL_EVENT, events);

	/* A guest that hangs gets here, but may never run a thread again */
	if (events & PVCTL_EVENT_CRASH)
		panic("%s: the host requests a crash", dev_name(pvctl->dev));

	atomic_or(events, &pvctl->requests);
	schedule_work(&pvctl->request_work);

	return IRQ_HANDLED;
}

static void pvctl_serve_requests(struct work_struct *work)
{
	struct pvctl *pvctl = container_of(work, struct pvctl, request_work);
	unsigned int flags;
	u32 events;

	/*
	 * While the system suspends or resumes no program can be started, and
	 * orderly_poweroff() would force the power-off.
	 */
	flags = lock_system_sleep();
	events = atomic_xchg(&pvctl->requests, 0);

	if (events & PVCTL_EVENT_SHUTDOWN) {
		dev_info(pvctl->dev, "the host requests a shutdown\n");
		orderly_poweroff(true);
	} else if (events & PVCTL_EVENT_REBOOT) {
		dev_info(pvctl->dev, "the host requests a reboot\n");
		orderly_reboot();
	}

	unlock_system_sleep(flags);
}

static void pvctl_flush_requests(void *data)
{
	struct pvctl *pvctl = data;

	flush_work(&pvctl->request_work);
}

static void pvctl_disable_events(void *data)
{
	struct pvctl *pvctl = data;

	/* Let the host know first: what it has been promised is served */
	pvctl_write(pvctl, PVCTL_ENABLE,
		    pvctl->features & ~PVCTL_FEATURE_EVENTS);
	pvctl_write(pvctl, PVCTL_EVENT_MASK, 0);
}

static void pvctl_clear_wakeup(void *data)
{
	struct device *dev = data;

	dev_pm_clear_wake_irq(dev);
	device_init_wakeup(dev, false);
}

static int pvctl_enable_events(struct pvctl *pvctl, int irq)
{
	struct device *dev = pvctl->dev;
	int ret;

	INIT_WORK(&pvctl->request_work, pvctl_serve_requests);
	ret = devm_add_action(dev, pvctl_flush_requests, pvctl);
	if (ret)
		return ret;

	/* A crash must not wait for a thread, as with "threadirqs" */
	ret = devm_request_irq(dev, irq, pvctl_interrupt,
			       IRQF_SHARED | IRQF_NO_THREAD, dev_name(dev),
			       pvctl);
	if (ret)
		return dev_err_probe(dev, ret, "cannot request the interrupt\n");

	pvctl_write(pvctl, PVCTL_EVENT_MASK, PVCTL_EVENTS);
	ret = devm_add_action_or_reset(dev, pvctl_disable_events, pvctl);
	if (ret)
		return ret;

	device_init_wakeup(dev, true);
	dev_pm_set_wake_irq(dev, irq);

	return devm_add_action_or_reset(dev, pvctl_clear_wakeup, dev);
}

static int pvctl_identify(struct pvctl *pvctl)
{
	u32 id, major;

	id = pvctl_read(pvctl, PVCTL_ID);
	if (id != PVCTL_ID_PVCT)
		return dev_err_probe(pvctl->dev, -ENODEV,
				     "unknown device ID 0x%08x\n", id);

	major = FIELD_GET(PVCTL_VERSION_MAJOR,
			  pvctl_read(pvctl, PVCTL_VERSION));
	if (major != PVCTL_MAJOR)
		return dev_err_probe(pvctl->dev, -EOPNOTSUPP,
				     "unknown major version %u\n", major);

	return 0;
}

static void pvctl_disable(void *data)
{
	pvctl_write(data, PVCTL_ENABLE, 0);
}

/* Accept what the host offers and this driver can serve */
static int pvctl_negotiate(struct pvctl *pvctl, bool has_irq)
{
	u32 known = PVCTL_FEATURE_SHUTDOWN | PVCTL_FEATURE_RESET |
		    PVCTL_FEATURE_CRASH | PVCTL_FEATURE_BOOT_REASON;

	if (has_irq)
		known |= PVCTL_FEATURE_EVENTS;
	pvctl->features = pvctl_read(pvctl, PVCTL_FEATURES) & known;

	/* What was requested of an earlier owner is none of this one's business */
	pvctl_write(pvctl, PVCTL_EVENT_MASK, 0);
	pvctl_write(pvctl, PVCTL_EVENT, U32_MAX);
	pvctl_write(pvctl, PVCTL_ENABLE, pvctl->features);

	return devm_add_action_or_reset(pvctl->dev, pvctl_disable, pvctl);
}

static int pvctl_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct pvctl *pvctl;
	int irq, ret;

	pvctl = devm_kzalloc(dev, sizeof(*pvctl), GFP_KERNEL);
	if (!pvctl)
		return -ENOMEM;

	pvctl->dev = dev;
	pvctl->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(pvctl->base))
		return PTR_ERR(pvctl->base);

	irq = platform_get_irq_optional(pdev, 0);
	if (irq < 0 && irq != -ENXIO)
		return dev_err_probe(dev, irq, "cannot get the interrupt\n");

	ret = pvctl_identify(pvctl);
	if (ret)
		return ret;

	ret = pvctl_negotiate(pvctl, irq > 0);
	if (ret)
		return ret;

	ret = pvctl_register_handlers(pvctl);
	if (ret)
		return ret;

	if (pvctl->features & PVCTL_FEATURE_EVENTS) {
		ret = pvctl_enable_events(pvctl, irq);
		if (ret)
			return ret;
	}

	platform_set_drvdata(pdev, pvctl);

	return 0;
}

/* No sleep before what is requested is served; a later request ends the sleep */
static int pvctl_suspend(struct device *dev)
{
	struct pvctl *pvctl = dev_get_drvdata(dev);

	return atomic_read(&pvctl->requests) ? -EBUSY : 0;
}

/*
 * The device may be in its power-on state, or on another host. Nothing is
 * cleared: a request may be what has ended the sleep.
 */
static int pvctl_resume(struct device *dev)
{
	struct pvctl *pvctl = dev_get_drvdata(dev);
	int ret = pvctl_identify(pvctl);

	if (ret)
		return ret;

	pvctl_write(pvctl, PVCTL_ENABLE,
		    pvctl_read(pvctl, PVCTL_FEATURES) & pvctl->features);
	if (pvctl->features & PVCTL_FEATURE_EVENTS)
		pvctl_write(pvctl, PVCTL_EVENT_MASK, PVCTL_EVENTS);

	return 0;
}

/*
 * When the interrupt only wakes the guest any more, and before other devices
 * resume, which may make the guest crash.
 */
static const struct dev_pm_ops pvctl_pm_ops = {
	NOIRQ_SYSTEM_SLEEP_PM_OPS(pvctl_suspend, pvctl_resume)
};

/* Called before the handlers of power-off and restart, and before kexec */
static void pvctl_shutdown(struct platform_device *pdev)
{
	struct pvctl *pvctl = platform_get_drvdata(pdev);

	/* The host must not send the guest elsewhere now, only make it crash */
	if (pvctl->features & PVCTL_FEATURE_EVENTS)
		pvctl_write(pvctl, PVCTL_EVENT_MASK, PVCTL_EVENT_CRASH);
}

/* The attributes read the device, which migration may have replaced */
static ssize_t version_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	u32 version = pvctl_read(dev_get_drvdata(dev), PVCTL_VERSION);

	return sysfs_emit(buf, "%lu.%lu\n",
			  FIELD_GET(PVCTL_VERSION_MAJOR, version),
			  FIELD_GET(PVCTL_VERSION_MINOR, version));
}
static DEVICE_ATTR_RO(version);

static ssize_t features_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "0x%x\n",
			  pvctl_read(dev_get_drvdata(dev), PVCTL_ENABLE));
}
static DEVICE_ATTR_RO(features);

static const char * const pvctl_boot_reasons[] = {
	[PVCTL_BOOT_COLD] = POWER_ON_REASON_REGULAR,
	[PVCTL_BOOT_GUEST_RESET] = POWER_ON_REASON_SOFTWARE,
	[PVCTL_BOOT_HOST_RESET] = POWER_ON_REASON_RST_BTN,
	[PVCTL_BOOT_AFTER_CRASH] = "crash",
};

static ssize_t boot_reason_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	u32 reason = pvctl_read(dev_get_drvdata(dev), PVCTL_BOOT_REASON);
	const char *name = POWER_ON_REASON_UNKNOWN;

	if (reason < ARRAY_SIZE(pvctl_boot_reasons))
		name = pvctl_boot_reasons[reason];

	return sysfs_emit(buf, "%s\n", name);
}
static DEVICE_ATTR_RO(boot_reason);

static ssize_t exit_code_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct pvctl *pvctl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", pvctl->exit_code);
}

static ssize_t exit_code_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t count)
{
	struct pvctl *pvctl = dev_get_drvdata(dev);
	int ret = kstrtou32(buf, 0, &pvctl->exit_code);

	return ret ?: count;
}
static DEVICE_ATTR_RW(exit_code);

static struct attribute *pvctl_attrs[] = {
	&dev_attr_version.attr,
	&dev_attr_features.attr,
	&dev_attr_boot_reason.attr,
	&dev_attr_exit_code.attr,
	NULL
};

static umode_t pvctl_attr_is_visible(struct kobject *kobj,
				     struct attribute *attr, int index)
{
	struct device *dev = kobj_to_dev(kobj);
	u32 enabled = pvctl_read(dev_get_drvdata(dev), PVCTL_ENABLE);

	if (attr == &dev_attr_boot_reason.attr)
		return enabled & PVCTL_FEATURE_BOOT_REASON ? attr->mode : 0;
	if (attr == &dev_attr_exit_code.attr)
		return enabled & PVCTL_FEATURE_SHUTDOWN ? attr->mode : 0;

	return attr->mode;
}

static const struct attribute_group pvctl_group = {
	.attrs = pvctl_attrs,
	.is_visible = pvctl_attr_is_visible,
};
__ATTRIBUTE_GROUPS(pvctl);

static const struct of_device_id pvctl_of_match[] = {
	{ .compatible = "qemu,pvctl" },
	{ }
};
MODULE_DEVICE_TABLE(of, pvctl_of_match);

static struct platform_driver pvctl_driver = {
	.driver = {
		.name = "pvctl",
		.of_match_table = pvctl_of_match,
		.dev_groups = pvctl_groups,
		.pm = pm_sleep_ptr(&pvctl_pm_ops),
	},
	.probe = pvctl_probe,
	.shutdown = pvctl_shutdown,
};
module_platform_driver(pvctl_driver);

MODULE_DESCRIPTION("Paravirtual system controller driver");
MODULE_AUTHOR("The paradrive authors");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual system controller
 *
 * A device of virtual machines through which the guest powers itself off,
 * resets itself and reports a crash, and through which the host asks the guest
 * to do so, whichever hypervisor or emulator it runs on.
 */

#include <linux/array_size.h>
#include <linux/bitfield.h>
#include <linux/container_of.h>
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
#include <linux/property.h>
#include <linux/reboot.h>
#include <linux/sysfs.h>
#include <linux/types.h>

#include "pvctl_regs.h"

/* The major version that this driver knows */
#define PVCTL_MAJOR			1

/* The events that this driver knows */
#define PVCTL_EVENTS	(PVCTL_EVENT_SHUTDOWN | PVCTL_EVENT_REBOOT | \
			 PVCTL_EVENT_CRASH)

/* The range and the meaning of "priority" are those of restart-handler.yaml */
#define PVCTL_PRIORITY_DEFAULT		192
#define PVCTL_PRIORITY_MAX		255

struct pvctl {
	struct device *dev;
	void __iomem *base;
	struct notifier_block panic_nb;
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

/* SHUTDOWN and RESET return only if the device has refused them */
static void pvctl_command(struct pvctl *pvctl, const char *name,
			  enum pvctl_command command, u32 argument)
{
	u32 status;

	pvctl_write(pvctl, PVCTL_ARGUMENT, argument);
	pvctl_write(pvctl, PVCTL_COMMAND, command);

	status = pvctl_read(pvctl, PVCTL_STATUS);
	if (status != PVCTL_STATUS_OK)
		dev_err(pvctl->dev, "%s refused, status %u\n", name, status);
}

static int pvctl_power_off(struct sys_off_data *data)
{
	struct pvctl *pvctl = data->cb_data;

	pvctl_command(pvctl, "shutdown", PVCTL_COMMAND_SHUTDOWN,
		      pvctl->exit_code);

	/* Let the next handler try */
	return NOTIFY_DONE;
}

static int pvctl_restart(struct sys_off_data *data)
{
	bool warm = data->mode == REBOOT_WARM || data->mode == REBOOT_SOFT;

	pvctl_command(data->cb_data, "reset", PVCTL_COMMAND_RESET,
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
static int pvctl_register_handlers(struct pvctl *pvctl, u32 enabled)
{
	u32 priority = PVCTL_PRIORITY_DEFAULT;
	struct device *dev = pvctl->dev;
	int ret;

	device_property_read_u32(dev, "priority", &priority);
	if (priority > PVCTL_PRIORITY_MAX)
		return dev_err_probe(dev, -EINVAL, "invalid priority %u\n",
				     priority);

	if (enabled & PVCTL_FEATURE_SHUTDOWN) {
		ret = devm_register_sys_off_handler(dev, SYS_OFF_MODE_POWER_OFF,
						    priority, pvctl_power_off,
						    pvctl);
		if (ret)
			return dev_err_probe(dev, ret,
					     "cannot register power-off handler of priority %u\n",
					     priority);
	}

	if (enabled & PVCTL_FEATURE_RESET) {
		ret = devm_register_sys_off_handler(dev, SYS_OFF_MODE_RESTART,
						    priority, pvctl_restart,
						    pvctl);
		if (ret)
			return dev_err_probe(dev, ret,
					     "cannot register restart handler of priority %u\n",
					     priority);
	}

	if (enabled & PVCTL_FEATURE_CRASH)
		return pvctl_register_panic_notifier(pvctl);

	return 0;
}

static irqreturn_t pvctl_handle_events(int irq, void *data)
{
	struct pvctl *pvctl = data;
	u32 events = pvctl_read(pvctl, PVCTL_EVENT);

	pvctl_write(pvctl, PVCTL_EVENT, events);

	/* A device that is broken, or gone, which reads as all ones */
	if (!(events & PVCTL_EVENTS) || events == U32_MAX)
		return IRQ_NONE;

	if (events & PVCTL_EVENT_CRASH)
		panic("%s: the host requests a crash", dev_name(pvctl->dev));

	if (events & PVCTL_EVENT_SHUTDOWN) {
		dev_info(pvctl->dev, "the host requests a shutdown\n");
		orderly_poweroff(false);
	} else {
		dev_info(pvctl->dev, "the host requests a reboot\n");
		orderly_reboot();
	}

	return IRQ_HANDLED;
}

static void pvctl_mask_events(void *data)
{
	pvctl_write(data, PVCTL_EVENT_MASK, 0);
}

static int pvctl_enable_events(struct pvctl *pvctl, int irq)
{
	int ret;

	ret = devm_request_threaded_irq(pvctl->dev, irq, NULL,
					pvctl_handle_events, IRQF_ONESHOT,
					dev_name(pvctl->dev), pvctl);
	if (ret)
		return dev_err_probe(pvctl->dev, ret,
				     "cannot request interrupt %d\n", irq);

	pvctl_write(pvctl, PVCTL_EVENT_MASK, PVCTL_EVENTS);

	return devm_add_action_or_reset(pvctl->dev, pvctl_mask_events, pvctl);
}

static void pvctl_disable(void *data)
{
	pvctl_write(data, PVCTL_ENABLE, 0);
}

/* Accept what the host offers and this driver can serve */
static int pvctl_negotiate(struct pvctl *pvctl, bool has_irq, u32 *enabled)
{
	u32 known = PVCTL_FEATURE_SHUTDOWN | PVCTL_FEATURE_RESET |
		    PVCTL_FEATURE_CRASH | PVCTL_FEATURE_BOOT_REASON;

	if (has_irq)
		known |= PVCTL_FEATURE_EVENTS;

	*enabled = pvctl_read(pvctl, PVCTL_FEATURES) & known;
	pvctl_write(pvctl, PVCTL_ENABLE, *enabled);

	return devm_add_action_or_reset(pvctl->dev, pvctl_disable, pvctl);
}

static int pvctl_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	u32 id, version, major, enabled;
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

	id = pvctl_read(pvctl, PVCTL_ID);
	if (id != PVCTL_ID_PVCT)
		return dev_err_probe(dev, -ENODEV, "unknown device ID 0x%08x\n",
				     id);

	version = pvctl_read(pvctl, PVCTL_VERSION);
	major = FIELD_GET(PVCTL_VERSION_MAJOR, version);
	if (major != PVCTL_MAJOR)
		return dev_err_probe(dev, -EOPNOTSUPP,
				     "unknown major version %u\n", major);

	ret = pvctl_negotiate(pvctl, irq > 0, &enabled);
	if (ret)
		return ret;

	ret = pvctl_register_handlers(pvctl, enabled);
	if (ret)
		return ret;

	if (enabled & PVCTL_FEATURE_EVENTS) {
		ret = pvctl_enable_events(pvctl, irq);
		if (ret)
			return ret;
	}

	platform_set_drvdata(pdev, pvctl);
	dev_info(dev, "version %u.%lu, features 0x%x\n", major,
		 FIELD_GET(PVCTL_VERSION_MINOR, version), enabled);

	return 0;
}

/* Called before the handlers of power-off and restart, and before kexec */
static void pvctl_shutdown(struct platform_device *pdev)
{
	struct pvctl *pvctl = platform_get_drvdata(pdev);

	/* The host must not send the guest elsewhere now, only make it crash */
	if (pvctl_read(pvctl, PVCTL_ENABLE) & PVCTL_FEATURE_EVENTS)
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
	[PVCTL_BOOT_COLD] = "cold",
	[PVCTL_BOOT_GUEST_RESET] = "guest-reset",
	[PVCTL_BOOT_HOST_RESET] = "host-reset",
	[PVCTL_BOOT_AFTER_CRASH] = "after-crash",
};

static ssize_t boot_reason_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	u32 reason = pvctl_read(dev_get_drvdata(dev), PVCTL_BOOT_REASON);

	if (reason >= ARRAY_SIZE(pvctl_boot_reasons))
		return sysfs_emit(buf, "unknown\n");

	return sysfs_emit(buf, "%s\n", pvctl_boot_reasons[reason]);
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
	},
	.probe = pvctl_probe,
	.shutdown = pvctl_shutdown,
};
module_platform_driver(pvctl_driver);

MODULE_DESCRIPTION("Paravirtual system controller driver");
MODULE_AUTHOR("The paradrive authors");
MODULE_LICENSE("GPL");

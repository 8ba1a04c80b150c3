// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual system controller
 *
 * A device of virtual machines through which the guest powers itself off and
 * resets itself, whichever hypervisor or emulator it runs on.
 */

#include <linux/bitfield.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/reboot.h>
#include <linux/types.h>

#include "pvctl_regs.h"

/* The major version that this driver knows */
#define PVCTL_MAJOR			1

/* The range and the meaning of "priority" are those of restart-handler.yaml */
#define PVCTL_PRIORITY_DEFAULT		192
#define PVCTL_PRIORITY_MAX		255

struct pvctl {
	struct device *dev;
	void __iomem *base;
};

static u32 pvctl_read(struct pvctl *pvctl, unsigned int reg)
{
	return ioread32be(pvctl->base + reg);
}

static void pvctl_write(struct pvctl *pvctl, unsigned int reg, u32 value)
{
	iowrite32be(value, pvctl->base + reg);
}

/* Returns only if the device has refused the command */
static int pvctl_command(struct pvctl *pvctl, const char *name, u32 command,
			 u32 argument)
{
	pvctl_write(pvctl, PVCTL_ARGUMENT, argument);
	pvctl_write(pvctl, PVCTL_COMMAND, command);

	dev_err(pvctl->dev, "%s refused, status %u\n", name,
		pvctl_read(pvctl, PVCTL_STATUS));

	/* Let the next handler try */
	return NOTIFY_DONE;
}

static int pvctl_power_off(struct sys_off_data *data)
{
	return pvctl_command(data->cb_data, "shutdown", PVCTL_COMMAND_SHUTDOWN,
			     0);
}

static int pvctl_restart(struct sys_off_data *data)
{
	bool warm = data->mode == REBOOT_WARM || data->mode == REBOOT_SOFT;

	return pvctl_command(data->cb_data, "reset", PVCTL_COMMAND_RESET,
			     warm ? PVCTL_RESET_WARM : PVCTL_RESET_COLD);
}

static void pvctl_disable(void *data)
{
	pvctl_write(data, PVCTL_ENABLE, 0);
}

/* Accept what both the host and this driver know */
static int pvctl_negotiate(struct pvctl *pvctl, u32 *enabled)
{
	u32 features = pvctl_read(pvctl, PVCTL_FEATURES);

	*enabled = features & (PVCTL_FEATURE_SHUTDOWN | PVCTL_FEATURE_RESET);
	pvctl_write(pvctl, PVCTL_ENABLE, *enabled);

	return devm_add_action_or_reset(pvctl->dev, pvctl_disable, pvctl);
}

static int pvctl_register_handlers(struct pvctl *pvctl, u32 enabled)
{
	u32 priority = PVCTL_PRIORITY_DEFAULT;
	int ret;

	device_property_read_u32(pvctl->dev, "priority", &priority);
	if (priority > PVCTL_PRIORITY_MAX)
		return dev_err_probe(pvctl->dev, -EINVAL,
				     "invalid priority %u\n", priority);

	if (enabled & PVCTL_FEATURE_SHUTDOWN) {
		ret = devm_register_sys_off_handler(pvctl->dev,
						    SYS_OFF_MODE_POWER_OFF,
						    priority, pvctl_power_off,
						    pvctl);
		if (ret)
			return dev_err_probe(pvctl->dev, ret,
					     "cannot register power-off handler\n");
	}

	if (enabled & PVCTL_FEATURE_RESET) {
		ret = devm_register_sys_off_handler(pvctl->dev,
						    SYS_OFF_MODE_RESTART,
						    priority, pvctl_restart,
						    pvctl);
		if (ret)
			return dev_err_probe(pvctl->dev, ret,
					     "cannot register restart handler\n");
	}

	return 0;
}

static int pvctl_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	u32 id, version, major, enabled;
	struct pvctl *pvctl;
	int ret;

	pvctl = devm_kzalloc(dev, sizeof(*pvctl), GFP_KERNEL);
	if (!pvctl)
		return -ENOMEM;

	pvctl->dev = dev;
	pvctl->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(pvctl->base))
		return PTR_ERR(pvctl->base);

	id = pvctl_read(pvctl, PVCTL_ID);
	if (id != PVCTL_ID_PVCT)
		return dev_err_probe(dev, -ENODEV, "unknown device ID 0x%08x\n",
				     id);

	version = pvctl_read(pvctl, PVCTL_VERSION);
	major = FIELD_GET(PVCTL_VERSION_MAJOR, version);
	if (major != PVCTL_MAJOR)
		return dev_err_probe(dev, -EOPNOTSUPP,
				     "unknown major version %u\n", major);

	ret = pvctl_negotiate(pvctl, &enabled);
	if (ret)
		return ret;

	ret = pvctl_register_handlers(pvctl, enabled);
	if (ret)
		return ret;

	dev_info(dev, "version %u.%lu, features 0x%x\n", major,
		 FIELD_GET(PVCTL_VERSION_MINOR, version), enabled);

	return 0;
}

static const struct of_device_id pvctl_of_match[] = {
	{ .compatible = "qemu,pvctl" },
	{ }
};
MODULE_DEVICE_TABLE(of, pvctl_of_match);

static struct platform_driver pvctl_driver = {
	.driver = {
		.name = "pvctl",
		.of_match_table = pvctl_of_match,
	},
	.probe = pvctl_probe,
};
module_platform_driver(pvctl_driver);

MODULE_DESCRIPTION("Paravirtual system controller driver");
MODULE_AUTHOR("The paradrive authors");
MODULE_LICENSE("GPL");

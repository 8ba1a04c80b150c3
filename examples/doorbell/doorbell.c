// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver of a doorbell that rings in virtual machines
 */

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#define DOORBELL_RUNG		0x00
#define DOORBELL_RUNG_BELL	BIT(0)

struct doorbell {
	struct device *dev;
	void __iomem *base;
};

static irqreturn_t doorbell_interrupt(int irq, void *data)
{
	struct doorbell *doorbell = data;

	if (!(ioread32be(doorbell->base + DOORBELL_RUNG) & DOORBELL_RUNG_BELL))
		return IRQ_NONE;

	iowrite32be(DOORBELL_RUNG_BELL, doorbell->base + DOORBELL_RUNG);
	dev_info(doorbell->dev, "somebody is at the door\n");
	return IRQ_HANDLED;
}

static int doorbell_probe(struct platform_device *pdev)
{
	struct doorbell *doorbell;
	int irq;

	doorbell = devm_kzalloc(&pdev->dev, sizeof(*doorbell), GFP_KERNEL);
	if (!doorbell)
		return -ENOMEM;
	doorbell->dev = &pdev->dev;

	doorbell->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(doorbell->base))
		return PTR_ERR(doorbell->base);

	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	return devm_request_irq(&pdev->dev, irq, doorbell_interrupt, 0,
				"doorbell", doorbell);
}

static const struct of_device_id doorbell_of_match[] = {
	{ .compatible = "acme,doorbell" },
	{ }
};
MODULE_DEVICE_TABLE(of, doorbell_of_match);

static struct platform_driver doorbell_driver = {
	.probe = doorbell_probe,
	.driver = {
		.name = "doorbell",
		.of_match_table = doorbell_of_match,
	},
};
module_platform_driver(doorbell_driver);

MODULE_DESCRIPTION("Driver of a doorbell in virtual machines");
MODULE_LICENSE("GPL");

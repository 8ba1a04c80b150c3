/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of the paravirtual system controller (pvctl).
 *
 * One 4 KiB page of 32-bit big-endian registers; only aligned 32-bit accesses
 * are defined.
 */
#ifndef _PVCTL_REGS_H
#define _PVCTL_REGS_H

#include <linux/bits.h>

#define PVCTL_ID			0x00
#define PVCTL_ID_PVCT			0x50564354	/* "PVCT" */

#define PVCTL_VERSION			0x04
#define PVCTL_VERSION_MAJOR		GENMASK(31, 16)
#define PVCTL_VERSION_MINOR		GENMASK(15, 0)

/* What the host offers, and the subset of it that the driver has accepted */
#define PVCTL_FEATURES			0x08
#define PVCTL_ENABLE			0x0c
#define PVCTL_FEATURE_SHUTDOWN		BIT(0)
#define PVCTL_FEATURE_RESET		BIT(1)
#define PVCTL_FEATURE_CRASH		BIT(2)
#define PVCTL_FEATURE_EVENTS		BIT(3)
#define PVCTL_FEATURE_BOOT_REASON	BIT(4)

#define PVCTL_COMMAND			0x10
#define PVCTL_COMMAND_SHUTDOWN		1
#define PVCTL_COMMAND_RESET		2
#define PVCTL_COMMAND_CRASH		3

/* Argument of the next command; that of SHUTDOWN is an exit code */
#define PVCTL_ARGUMENT			0x14
#define PVCTL_RESET_COLD		0
#define PVCTL_RESET_WARM		1
#define PVCTL_CRASH_PANICKED		0
#define PVCTL_CRASH_KERNEL		1

/* Result of the last command */
#define PVCTL_STATUS			0x18
#define PVCTL_STATUS_OK			0
#define PVCTL_STATUS_UNKNOWN		1
#define PVCTL_STATUS_NOT_ENABLED	2
#define PVCTL_STATUS_BAD_ARGUMENT	3

/* Requests of the host; the interrupt is asserted by EVENT & EVENT_MASK */
#define PVCTL_EVENT			0x1c
#define PVCTL_EVENT_MASK		0x20
#define PVCTL_EVENT_SHUTDOWN		BIT(0)
#define PVCTL_EVENT_REBOOT		BIT(1)
#define PVCTL_EVENT_CRASH		BIT(2)

#define PVCTL_BOOT_REASON		0x24
#define PVCTL_BOOT_COLD			0
#define PVCTL_BOOT_GUEST_RESET		1
#define PVCTL_BOOT_HOST_RESET		2
#define PVCTL_BOOT_AFTER_CRASH		3

#endif /* _PVCTL_REGS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of the paravirtual system controller (pvctl).
 *
 * One 4 KiB page of 32-bit big-endian registers; only aligned 32-bit accesses
 * are defined. A device that is gone reads as all ones.
 *
 * EVENT keeps a request until a driver clears it. A driver clears what was
 * requested of an earlier owner before it enables PVCTL_FEATURE_EVENTS, and
 * later only what it has read. Without that feature the host's request is
 * refused, and the host can repeat it.
 *
 * The host may carry out an accepted SHUTDOWN or RESET a little later; the guest
 * runs on until then.
 */
#ifndef _PVCTL_REGS_H
#define _PVCTL_REGS_H

#include <linux/bits.h>

/* Enumerations and not macros: the debugging information keeps their names */
enum pvctl_register {
	PVCTL_ID		= 0x00,
	PVCTL_VERSION		= 0x04,
	PVCTL_FEATURES		= 0x08,	/* what the host offers */
	PVCTL_ENABLE		= 0x0c,	/* what the driver has accepted of it */
	PVCTL_COMMAND		= 0x10,
	PVCTL_ARGUMENT		= 0x14,	/* of the next command */
	PVCTL_STATUS		= 0x18,	/* of the last command */
	PVCTL_EVENT		= 0x1c,	/* requests of the host, write 1 to clear */
	PVCTL_EVENT_MASK	= 0x20,	/* those which assert the interrupt */
	PVCTL_BOOT_REASON	= 0x24,
};

#define PVCTL_ID_PVCT		0x50564354	/* "PVCT" */

#define PVCTL_VERSION_MAJOR	GENMASK(31, 16)
#define PVCTL_VERSION_MINOR	GENMASK(15, 0)

enum pvctl_feature {
	PVCTL_FEATURE_SHUTDOWN		= BIT(0),
	PVCTL_FEATURE_RESET		= BIT(1),
	PVCTL_FEATURE_CRASH		= BIT(2),
	PVCTL_FEATURE_EVENTS		= BIT(3),
	PVCTL_FEATURE_BOOT_REASON	= BIT(4),
};

enum pvctl_command {
	PVCTL_COMMAND_SHUTDOWN	= 1,	/* the argument is an exit code */
	PVCTL_COMMAND_RESET	= 2,	/* enum pvctl_reset */
	PVCTL_COMMAND_CRASH	= 3,	/* enum pvctl_crash */
};

enum pvctl_reset {
	PVCTL_RESET_COLD	= 0,
	PVCTL_RESET_WARM	= 1,
};

enum pvctl_crash {
	PVCTL_CRASH_PANICKED		= 0,
	PVCTL_CRASH_CRASH_KERNEL	= 1,	/* a crash kernel takes over */
};

enum pvctl_status {
	PVCTL_STATUS_OK			= 0,
	PVCTL_STATUS_UNKNOWN		= 1,
	PVCTL_STATUS_NOT_ENABLED	= 2,
	PVCTL_STATUS_BAD_ARGUMENT	= 3,
};

enum pvctl_event {
	PVCTL_EVENT_SHUTDOWN	= BIT(0),
	PVCTL_EVENT_REBOOT	= BIT(1),
	PVCTL_EVENT_CRASH	= BIT(2),
};

enum pvctl_boot_reason {
	PVCTL_BOOT_COLD		= 0,
	PVCTL_BOOT_GUEST_RESET	= 1,
	PVCTL_BOOT_HOST_RESET	= 2,
	PVCTL_BOOT_AFTER_CRASH	= 3,
};

#endif /* _PVCTL_REGS_H */

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt controller (MPC8544E reference manual, "Programmable Interrupt Controller"). */

#ifndef MPIC_H
#define MPIC_H

#include "runtime.h"

#define MPIC_BRR1	0x00000
#define MPIC_FRR	0x01000
#define MPIC_GCR	0x01020
#define MPIC_VIR	0x01080
#define MPIC_IPIVPR(n)	(0x010a0 + 0x10 * (n))
#define MPIC_SVR	0x010e0
#define MPIC_GTCCR(n)	(0x01100 + 0x40 * (n))
#define MPIC_GTBCR(n)	(0x01110 + 0x40 * (n))
#define MPIC_GTVPR(n)	(0x01120 + 0x40 * (n))
#define MPIC_GTDR(n)	(0x01130 + 0x40 * (n))
#define MPIC_IVPR(n)	(0x10000 + 0x20 * (n))
#define MPIC_IDR(n)	(0x10010 + 0x20 * (n))
#define MPIC_IPIDR(n)	(0x20040 + 0x10 * (n))
#define MPIC_CTPR	0x20080
#define MPIC_WHOAMI	0x20090
#define MPIC_IACK	0x200a0
#define MPIC_EOI	0x200b0

#define GCR_RESET	0x80000000
#define GCR_MIXED	0x20000000
#define GCR_PROXY	0x60000000
#define VPR_MASK	0x80000000
#define VPR_ACTIVITY	0x40000000
#define VPR_POLARITY	0x00800000
#define VPR_SENSE	0x00400000
#define VPR(priority, vector) ((priority) << 16 | (vector))
#define SPURIOUS	0xffff

/* The source of the UARTs */
#define UART_SOURCE	42

static inline u32 mpic_read(u32 offset)
{
	return read32(MPIC + offset);
}

static inline void mpic_write(u32 offset, u32 value)
{
	write32(MPIC + offset, value);
}

static inline u32 mpic_acknowledge(void)
{
	return mpic_read(MPIC_IACK);
}

static inline void mpic_end(void)
{
	mpic_write(MPIC_EOI, 0);
}

static inline void mpic_send(u32 ipi)
{
	mpic_write(MPIC_IPIDR(ipi), 1);
}

/* Reset, and let everything interrupt in this mode */
static inline void mpic_start(u32 mode)
{
	mpic_write(MPIC_GCR, GCR_RESET);
	while (mpic_read(MPIC_GCR) & GCR_RESET)
		;
	mpic_write(MPIC_GCR, mode);
	mpic_write(MPIC_CTPR, 0);
}

#endif

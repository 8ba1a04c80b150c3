// SPDX-License-Identifier: GPL-2.0-or-later
/* A level from a device (the UART's transmitter is empty), and the controller's own timers. */

#include "mpic.h"

#define UART_IER	(*(volatile u8 *)(UART + 1))
#define UART_IIR	(*(volatile u8 *)(UART + 2))
#define UART_IER_THRI	2
#define INHIBIT		0x80000000

static u32 uart_interrupts, timer_interrupts;

static u32 uart_activity(void)
{
	return !!(mpic_read(MPIC_IVPR(UART_SOURCE)) & VPR_ACTIVITY);
}

static void polled(void)
{
	u32 first, second;

	mpic_write(MPIC_IVPR(UART_SOURCE), VPR(5, 0x2a));
	mpic_write(MPIC_IDR(UART_SOURCE), 1);
	print("idle %x\n", mpic_acknowledge());
	UART_IER = UART_IER_THRI;
	first = mpic_acknowledge();
	mpic_end();
	second = mpic_acknowledge();
	mpic_end();
	UART_IER = 0;
	print("level %x, and as long as it lasts %x\n", first, second);
	print("gone %x, active %d\n", mpic_acknowledge(), uart_activity());
	/* Reading IIR takes back the request of the transmitter */
	UART_IER = UART_IER_THRI;
	first = UART_IIR;
	second = mpic_acknowledge();
	UART_IER = 0;
	print("IIR %x, then %x\n", first & 0xf, second);
	/* Nobody to tell */
	mpic_write(MPIC_IDR(UART_SOURCE), 0);
	UART_IER = UART_IER_THRI;
	first = mpic_acknowledge();
	UART_IER = 0;
	print("no destination %x\n", first);
	mpic_write(MPIC_IDR(UART_SOURCE), 1);
	mpic_write(MPIC_IVPR(UART_SOURCE), VPR_MASK | VPR(5, 0x2a));
	UART_IER = UART_IER_THRI;
	first = mpic_acknowledge();
	mpic_write(MPIC_IVPR(UART_SOURCE), VPR(5, 0x2a));
	second = mpic_acknowledge();
	mpic_end();
	UART_IER = 0;
	print("masked %x, unmasked %x\n", first, second);
}

static void by_interrupt(struct frame *frame)
{
	u32 vector = mpic_acknowledge();

	if (vector == 0x2a) {
		uart_interrupts++;
		UART_IER = 0;
	} else if (vector == 0x77) {
		if (++timer_interrupts == 3)
			mpic_write(MPIC_GTBCR(0), INHIBIT);
	} else {
		print("vector %x\n", vector);
	}
	mpic_end();
}

static void timers(void)
{
	u32 counts[3];

	mpic_write(MPIC_GTVPR(0), VPR(6, 0x77));
	mpic_write(MPIC_GTBCR(0), INHIBIT | 100);
	print("inhibited %x\n", mpic_read(MPIC_GTBCR(0)));
	mpic_write(MPIC_GTBCR(0), 1000000);
	counts[0] = mpic_read(MPIC_GTCCR(0));
	counts[1] = mpic_read(MPIC_GTCCR(0));
	print("counts down from its base %d\n", counts[0] <= 1000000 && counts[1] <= counts[0] && counts[1] > 900000);
	mpic_write(MPIC_GTBCR(0), INHIBIT);
	counts[0] = mpic_read(MPIC_GTCCR(0));
	counts[1] = mpic_read(MPIC_GTCCR(0));
	print("stands %d\n", counts[0] == counts[1]);
	mtmsr(MSR_EE);
	mpic_write(MPIC_GTBCR(0), 100);
	while (*(volatile u32 *)&timer_interrupts < 3)
		;
	print("three times\n");
	mtmsr(0);
	print("nothing left %x\n", mpic_acknowledge());
}

int main(void)
{
	mpic_start(GCR_MIXED);
	handlers[4] = by_interrupt;
	polled();
	mtmsr(MSR_EE);
	UART_IER = UART_IER_THRI;
	UART_IER = 0;
	mtmsr(0);
	print("interrupts from the UART: %d\n", uart_interrupts);
	timers();
	return 0;
}

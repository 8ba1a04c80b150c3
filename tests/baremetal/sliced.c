// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts from everywhere, and the time base at each of them: a program whose output depends on every
 * single instruction, for runs of the model that must be equal to the bit. QEMU's time is another one.
 */

#include "mpic.h"

#define ROUNDS	6

static volatile u32 ticks, timer_ticks, messages;

static void at(const char *what, struct frame *frame)
{
	print("%s at %x pc %x\n", what, mfspr(TBL), frame->pc);
	frame->msr &= ~MSR_WE;
}

static void decrement(struct frame *frame)
{
	mtspr(TSR, TSR_DIS);
	ticks++;
	at("decrementer", frame);
	mpic_send(ticks & 3);
}

static void fixed_interval(struct frame *frame)
{
	mtspr(TSR, TSR_FIS);
	at("fixed interval", frame);
}

static void watchdog(struct frame *frame)
{
	mtspr(TSR, TSR_WIS | TSR_ENW);
	at("watchdog", frame);
}

static void external(struct frame *frame)
{
	u32 vector = mfspr(EPR);

	if (vector == 0x77)
		timer_ticks++;
	else
		messages++;
	at("external", frame);
	mpic_end();
}

int main(void)
{
	u32 n, spins = 0;

	handlers[4] = external;
	handlers[10] = decrement;
	handlers[11] = fixed_interval;
	handlers[12] = watchdog;
	mpic_start(GCR_PROXY);
	for (n = 0; n < 4; n++)
		mpic_write(MPIC_IPIVPR(n), VPR(4 + n, 0x100 + n));
	mpic_write(MPIC_GTVPR(0), VPR(6, 0x77));
	mpic_write(MPIC_GTBCR(0), 333);
	mtspr(HID0, HID0_NAP);
	mtspr(DECAR, 2777);
	mtspr(DEC, 2777);
	mtspr(TCR, TCR_DIE | TCR_ARE | TCR_FIE | TCR_WIE | TCR_FP(52) | TCR_WP(53));
	while (ticks < ROUNDS) {
		/* Half of the time busy, then waiting */
		mtmsr(MSR_EE | MSR_CE);
		for (n = 0; n < 1000; n++)
			asm volatile("" :: "r"(spins++));
		mtmsr(MSR_EE | MSR_CE | MSR_WE);
	}
	mtmsr(0);
	print("%d ticks, %d of the timer, %d messages, %d spins, %x\n", ticks, timer_ticks, messages, spins,
	      mfspr(TBL));
	return 0;
}

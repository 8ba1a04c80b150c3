// SPDX-License-Identifier: GPL-2.0-or-later
/* The fixed-interval timer: a rising time base bit sets its status, which interrupts where enabled. */

#include "runtime.h"

/* 2^12 ticks between two rising edges */
#define PERIOD	TCR_FP(52)
/* Bit 63 - 60: years */
#define NEVER	TCR_FP(2)

static volatile u32 taken;
static u32 vectors_in_order;

static void tick(struct frame *frame)
{
	taken++;
	vectors_in_order = vectors_in_order << 4 | frame->vector;
	mtspr(TSR, frame->vector == 11 ? TSR_FIS : TSR_DIS);
}

static void wait_for_status(void)
{
	while (!(mfspr(TSR) & TSR_FIS))
		;
}

int main(void)
{
	u32 i, ticks[4];

	handlers[10] = handlers[11] = tick;
	mtspr(TCR, NEVER);
	mtspr(TSR, TSR_FIS);
	for (i = 0; i < 1000; i++)
		asm volatile("nop");
	print("never: TSR %x\n", mfspr(TSR) & TSR_FIS);
	mtspr(TCR, PERIOD);
	for (i = 0; i < 4; i++) {
		wait_for_status();
		ticks[i] = mfspr(TBL);
		mtspr(TSR, TSR_FIS);
	}
	for (i = 1; i < 4; i++)
		print("bit has risen again after %d period\n", (ticks[i] >> 12) - (ticks[i - 1] >> 12));
	wait_for_status();
	print("status %x\n", mfspr(TSR) & TSR_FIS);
	mtmsr(MSR_EE);
	print("not enabled in TCR: taken %d\n", taken);
	mtspr(TCR, PERIOD | TCR_FIE);
	while (taken < 3)
		;
	mtmsr(0);
	print("enabled: taken at least 3 times\n");
	/* Both pending: the manual takes the fixed-interval timer before the decrementer */
	wait_for_status();
	mtspr(DEC, 0x1000);
	mtspr(TCR, NEVER | TCR_FIE | TCR_DIE);
	while (!(mfspr(TSR) & TSR_DIS))
		;
	vectors_in_order = taken = 0;
	mtmsr(MSR_EE);
	mtmsr(0);
	print("both pending: taken %d, in order %x\n", taken, vectors_in_order);
	return 0;
}

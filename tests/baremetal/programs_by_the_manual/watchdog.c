// SPDX-License-Identifier: GPL-2.0-or-later
/* The watchdog: its first expiry arms it, the second one interrupts, the third one resets the board. */

#include "runtime.h"

#define PERIOD	TCR_WP(52)
#define RESET_CHIP	2

static volatile u32 taken;
static u32 saved_msr, msr_in_handler;

static void bark(struct frame *frame)
{
	taken++;
	saved_msr = frame->msr;
	msr_in_handler = mfmsr();
	mtspr(TSR, TSR_WIS);
}

static u32 wait_for_status(u32 bits)
{
	while ((mfspr(TSR) & bits) != bits)
		;
	return mfspr(TSR) & (TSR_ENW | TSR_WIS | TSR_WRS);
}

int main(void)
{
	handlers[12] = bark;
	mtspr(TCR, PERIOD);
	print("first expiry: TSR %x\n", wait_for_status(TSR_ENW));
	print("second expiry: TSR %x\n", wait_for_status(TSR_ENW | TSR_WIS));
	mtmsr(MSR_EE | MSR_CE);
	print("not enabled in TCR: taken %d\n", taken);
	mtmsr(MSR_EE);
	mtspr(TCR, PERIOD | TCR_WIE);
	print("critical interrupts not enabled: taken %d\n", taken);
	mtmsr(MSR_EE | MSR_CE | MSR_ME);
	print("enabled: taken %d, MSR %x, in the handler %x\n", taken, saved_msr, msr_in_handler);
	mtmsr(0);
	print("armed again: TSR %x\n", wait_for_status(TSR_ENW | TSR_WIS));
	mtspr(TSR, TSR_ENW | TSR_WIS);
	print("fed: TSR %x\n", mfspr(TSR) & (TSR_ENW | TSR_WIS));
	mtspr(TCR, PERIOD | TCR_WRC(RESET_CHIP));
	mtspr(TCR, PERIOD);
	print("reset control stays: TCR %x\n", mfspr(TCR) & TCR_WRC(3));
	wait_for_status(TSR_ENW | TSR_WIS);
	print("the third expiry ends this\n");
	for (;;)
		;
}

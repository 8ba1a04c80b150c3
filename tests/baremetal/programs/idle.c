// SPDX-License-Identifier: GPL-2.0-or-later
/* Waiting for an interrupt: MSR[WE] with HID0[NAP] on e500v2, the instruction wait on e500mc. */

#include "runtime.h"

static volatile u32 woken;
static u32 saved_msr;

static void wake(struct frame *frame)
{
	mtspr(TSR, TSR_DIS);
	woken++;
	saved_msr = frame->msr;
	/* As Linux does: what waits in a loop goes on behind it */
	frame->msr &= ~MSR_WE;
}

static void idle(void)
{
#ifdef E500V2
	asm volatile("msync; mtmsr %0; isync" :: "r"(MSR_WE | MSR_EE) : "memory");
#else
	asm volatile("wrteei 1; .long 0x7c00007c" ::: "memory");
#endif
}

int main(void)
{
	u32 i;

	handlers[10] = wake;
	mtspr(TCR, TCR_DIE);
#ifdef E500V2
	mtspr(DEC, 800000);
	idle();
	print("no mode of saving power chosen: woken %d, MSR %x\n", woken, mfmsr());
	mtmsr(0);
#endif
	mtspr(HID0, mfspr(HID0) | HID0_NAP);
	for (i = 1; i <= 3; i++) {
		/* 2 ms of guest time: nobody counts instructions that long */
		mtspr(DEC, 800000);
		while (woken < i)
			idle();
		mtmsr(0);
		print("woken %d, MSR %x\n", woken, saved_msr);
	}
	return 0;
}

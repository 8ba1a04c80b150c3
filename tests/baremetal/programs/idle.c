// SPDX-License-Identifier: GPL-2.0-or-later
/* Waiting for an interrupt: MSR[WE] with HID0[NAP] on e500v2, the instruction wait on e500mc. */

#include "runtime.h"

static volatile u32 woken;
static u32 saved_msr;
static char *saved_pc;

static void wake(struct frame *frame)
{
	mtspr(TSR, TSR_DIS);
	woken++;
	saved_msr = frame->msr;
	saved_pc = (char *)frame->pc;
	/* As Linux does: what waits in a loop goes on behind it */
	frame->msr &= ~MSR_WE;
}

extern char after_wait[];

static void idle(void)
{
#ifdef E500V2
	asm volatile("msync; mtmsr %0; isync; .globl after_wait; after_wait:" :: "r"(MSR_WE | MSR_EE) : "memory");
#else
	asm volatile("wrteei 1; .long 0x7c00007c; .globl after_wait; after_wait:" ::: "memory");
#endif
}

int main(void)
{
	u32 i;

	handlers[10] = wake;
	mtspr(TCR, TCR_DIE);
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

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decrementer: status and interrupt, auto-reload, masking. QEMU 7.2 does not show what DEC counts, and a
 * value below 3 that is written there expires at once: decrementer_register.c is about the register.
 */

#include "runtime.h"

#define SHORT	0x1000
#define LONG	0x40000000

static volatile u32 taken;
static u32 stop_after, status_at_interrupt, clear_status;

static void tick(struct frame *frame)
{
	status_at_interrupt = mfspr(TSR);
	if (clear_status)
		mtspr(TSR, TSR_DIS);
	else
		frame->msr &= ~MSR_EE;
	if (++taken == stop_after) {
		mtspr(TCR, 0);
		mtspr(TSR, TSR_DIS);
	}
}

static void wait_for_status(void)
{
	while (!(mfspr(TSR) & TSR_DIS))
		;
}

static void print_state(const char *what)
{
	print("%s: taken %d TSR %x TCR %x\n", what, taken, mfspr(TSR) & TSR_DIS, mfspr(TCR));
	taken = 0;
}

static void without_interrupt(void)
{
	mtspr(DEC, SHORT);
	print_state("started");
	wait_for_status();
	print_state("expired");
	mtspr(TSR, ~TSR_DIS);
	print_state("other bits cleared");
	mtspr(TSR, TSR_DIS);
	print_state("cleared");
	mtspr(DEC, LONG);
}

static void with_interrupt(void)
{
	clear_status = 1;
	mtspr(DEC, SHORT);
	wait_for_status();
	mtmsr(MSR_EE);
	print_state("expired, not enabled in TCR");
	mtspr(TCR, TCR_DIE);
	print_state("then enabled");
	print("status was %x\n", status_at_interrupt & TSR_DIS);
	mtmsr(0);
	mtspr(DEC, SHORT);
	wait_for_status();
	print_state("expired, not enabled in MSR");
	mtmsr(MSR_EE);
	print_state("then enabled");
	mtspr(DEC, SHORT);
	while (!taken)
		;
	print_state("expired while enabled");
	/* A level: it comes again until TSR is cleared */
	clear_status = 0;
	stop_after = 3;
	mtspr(DEC, SHORT);
	while (!taken)
		;
	print_state("masked in the saved MSR");
	mtmsr(MSR_EE);
	print_state("unmasked again");
	mtmsr(0);
	mtspr(TSR, TSR_DIS);
}

static void auto_reload(void)
{
	u32 i;

	clear_status = 1;
	taken = 0;
	stop_after = 5;
	mtspr(DECAR, SHORT);
	mtspr(TCR, TCR_DIE | TCR_ARE);
	mtspr(DEC, SHORT);
	mtmsr(MSR_EE);
	while (taken < 5)
		;
	mtmsr(0);
	print_state("reloaded");
	/* Without an interrupt */
	mtspr(TCR, TCR_ARE);
	mtspr(DEC, SHORT);
	for (i = 0; i < 3; i++) {
		wait_for_status();
		print("and again\n");
		mtspr(TSR, TSR_DIS);
	}
	/* DECAR is used when the decrementer expires, not before */
	mtspr(DECAR, LONG);
	wait_for_status();
	mtspr(TSR, TSR_DIS);
	print("reloaded with the new value: TSR %x\n", mfspr(TSR) & TSR_DIS);
	mtspr(TCR, 0);
	mtspr(TSR, TSR_DIS);
	mtspr(DEC, LONG);
	print_state("stopped");
}

int main(void)
{
	handlers[10] = tick;
	without_interrupt();
	with_interrupt();
	auto_reload();
	return 0;
}

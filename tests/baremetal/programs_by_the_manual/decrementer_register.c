// SPDX-License-Identifier: GPL-2.0-or-later
/* What DEC shows: it counts down to 0 and stays there, starts again from DECAR, and 0 does not expire. */

#include "runtime.h"

#define SHORT	0x1000
#define LONG	0x40000000

static void wait_for_status(void)
{
	while (!(mfspr(TSR) & TSR_DIS))
		;
}

/* Whether DEC, set to LONG not long ago, counts; it does so slower than instructions execute */
static int counts_from_long(void)
{
	u32 before = mfspr(DEC);

	asm volatile("nop; nop; nop; nop; nop; nop; nop; nop");
	return mfspr(DEC) < before && before <= LONG && before > LONG - SHORT;
}

int main(void)
{
	u32 before;

	mtspr(DEC, 0);
	print("zero written: TSR %x\n", mfspr(TSR) & TSR_DIS);
	mtspr(DEC, LONG);
	print("counts down %d\n", counts_from_long());
	mtspr(DEC, SHORT);
	wait_for_status();
	print("stays at %x\n", mfspr(DEC));
	mtspr(TSR, TSR_DIS);
	mtspr(DEC, 0);
	print("zero written again: TSR %x\n", mfspr(TSR) & TSR_DIS);
	mtspr(DEC, 1);
	wait_for_status();
	print("one expires\n");
	mtspr(TSR, TSR_DIS);
	mtspr(DECAR, LONG);
	mtspr(TCR, TCR_ARE);
	mtspr(DEC, SHORT);
	wait_for_status();
	print("reloaded %d\n", counts_from_long());
	mtspr(TCR, 0);
	print("runs on without auto-reload %d\n", counts_from_long());
	return 0;
}

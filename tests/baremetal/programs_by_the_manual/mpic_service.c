// SPDX-License-Identifier: GPL-2.0-or-later
/* IACK read out of turn: what is in service or at the task priority holds others back and loses none. */

#include "mpic.h"

static void print_acknowledge(const char *what)
{
	print("%s: %x\n", what, mpic_acknowledge());
}

static void print_activity(const char *what)
{
	u32 n;

	print("%s:", what);
	for (n = 0; n < 4; n++)
		print(" %d", !!(mpic_read(MPIC_IPIVPR(n)) & VPR_ACTIVITY));
	print("\n");
}

int main(void)
{
	u32 n;

	mpic_start(GCR_MIXED);
	for (n = 0; n < 4; n++) {
		mpic_write(MPIC_IPIVPR(n), VPR(4 + n, 0x100 + n));
		mpic_send(n);
	}
	print_acknowledge("highest");
	print_activity("in service is active, too");
	print_acknowledge("others are lower");
	mpic_end();
	print_activity("ended");
	mpic_write(MPIC_CTPR, 6);
	print_acknowledge("at the task priority");
	mpic_write(MPIC_CTPR, 5);
	print_acknowledge("above the task priority");
	mpic_end();
	mpic_write(MPIC_CTPR, 0);
	print_acknowledge("not lost");
	mpic_send(1);
	print_acknowledge("the same again within itself");
	mpic_end();
	print_acknowledge("it comes when the first is over");
	mpic_end();
	/* Priority 0 never interrupts */
	mpic_write(MPIC_IPIVPR(0), VPR(0, 0x100));
	print_acknowledge("priority 0");
	mpic_write(MPIC_IPIVPR(0), VPR(1, 0x100));
	print_acknowledge("priority 1");
	mpic_end();
	print("timer of group B %x\n", mpic_read(0x2120));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which interrupt comes first: priorities, task priority, nesting, masks, the spurious vector. QEMU takes no
 * notice of what is in service when IACK is read, and loses an interrupt that is not above the task priority:
 * IACK is read here only when it has something to tell. mpic_service.c is about the rest.
 */

#include "mpic.h"

static u32 depth, sent[4];

static void print_acknowledge(const char *what)
{
	print("%s: %x\n", what, mpic_acknowledge());
}

static void polled(void)
{
	u32 n;

	print_acknowledge("nothing");
	mpic_end();
	for (n = 0; n < 4; n++)
		mpic_write(MPIC_IPIVPR(n), VPR(4 + n, 0x100 + n));
	for (n = 0; n < 4; n++)
		mpic_send(n);
	print("active:");
	for (n = 0; n < 4; n++)
		print(" %d", !!(mpic_read(MPIC_IPIVPR(n)) & VPR_ACTIVITY));
	print("\n");
	for (n = 0; n < 4; n++) {
		print_acknowledge("highest");
		mpic_end();
	}
	print_acknowledge("nothing left");
}

static void nested(void)
{
	mpic_send(0);
	print_acknowledge("low");
	mpic_send(2);
	print_acknowledge("higher within");
	mpic_send(3);
	print_acknowledge("higher still");
	mpic_send(1);
	mpic_send(3);
	mpic_end();
	print_acknowledge("the same again, which has waited for its end");
	mpic_end();
	mpic_end();
	print_acknowledge("one that is higher than the last one in service");
	mpic_end();
	mpic_end();
	print_acknowledge("nothing left");
	/* Equal priorities: one after the other */
	mpic_write(MPIC_IPIVPR(1), VPR(4, 0x101));
	mpic_send(1);
	mpic_send(0);
	print_acknowledge("first of equals");
	mpic_end();
	print_acknowledge("second of equals");
	mpic_end();
}

static void masked(void)
{
	mpic_write(MPIC_IPIVPR(3), VPR_MASK | VPR(7, 0x103));
	mpic_send(3);
	print_acknowledge("masked");
	mpic_write(MPIC_IPIVPR(3), VPR(7, 0x103));
	print_acknowledge("unmasked");
	mpic_end();
	mpic_write(MPIC_SVR, 0x1234);
	print_acknowledge("spurious vector");
	mpic_write(MPIC_SVR, SPURIOUS);
}

static void by_interrupt(struct frame *frame)
{
	u32 vector = mpic_acknowledge();

	depth++;
	print(" depth %d vector %x msr %x\n", depth, vector, frame->msr);
	if (vector == 0x101 && !sent[2]) {
		sent[2] = 1;
		mpic_send(3);
		mpic_send(0);
		mtmsr(MSR_EE);
		print(" back in 101\n");
		mtmsr(0);
	}
	mpic_end();
	depth--;
}

static u32 nothing(u32 a, u32 b)
{
	return a;
}

int main(void)
{
	u32 n;

	mpic_start(GCR_MIXED);
	polled();
	nested();
	masked();
	handlers[4] = by_interrupt;
	for (n = 0; n < 4; n++)
		mpic_write(MPIC_IPIVPR(n), VPR(4 + n, 0x100 + n));
	print("interrupts\n");
	mpic_send(1);
	print("not yet\n");
	mtmsr(MSR_EE);
	print("all done\n");
	mpic_write(MPIC_CTPR, 15);
	mpic_send(2);
	print("held back by the task priority\n");
	mpic_write(MPIC_CTPR, 0);
	print("no longer\n");
	mtmsr(0);
	mpic_send(2);
	print("taken in user mode\n");
	print("returned %d\n", call_with_msr(nothing, 5, 0, MSR_PR | MSR_EE));
	return 0;
}

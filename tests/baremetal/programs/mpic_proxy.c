// SPDX-License-Identifier: GPL-2.0-or-later
/* The external proxy: the core acknowledges when it takes the interrupt, and software reads EPR. */

#include "mpic.h"

static u32 nested_once;

static void by_interrupt(struct frame *frame)
{
	u32 vector = mfspr(EPR);

	print(" EPR %x, IACK then %x\n", vector, mpic_acknowledge());
	print(" EPR again %x\n", mfspr(EPR));
	if (!nested_once) {
		nested_once = 1;
		mpic_send(2);
		mtmsr(MSR_EE);
		print(" EPR after the other %x\n", mfspr(EPR));
		mtmsr(0);
	}
	mpic_end();
}

int main(void)
{
	u32 n;

	mpic_start(GCR_PROXY);
	handlers[4] = by_interrupt;
	for (n = 0; n < 4; n++)
		mpic_write(MPIC_IPIVPR(n), VPR(4 + n, 0x100 + n));
	mpic_send(0);
	print("sent\n");
	mtmsr(MSR_EE);
	print("taken\n");
	mpic_send(1);
	print("and again\n");
	mtmsr(0);
	/* Withdrawn before the core takes it */
	mpic_send(3);
	mpic_write(MPIC_IPIVPR(3), VPR_MASK | VPR(7, 0x103));
	mtmsr(MSR_EE);
	print("masked: none\n");
	mtmsr(0);
	mpic_write(MPIC_IPIVPR(3), VPR(7, 0x103));
	mtmsr(MSR_EE);
	print("unmasked\n");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Code that is changed: in another page, in its own page, ahead of the instruction that changes it. */

#include "runtime.h"

#define LI_R3(value)	(0x38600000 | (value))
#define BLR		0x4e800020
#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)

static void patch(u32 address, u32 word, int invalidate)
{
	*(volatile u32 *)address = word;
	if (invalidate)
		asm volatile("dcbst 0, %0; msync; icbi 0, %0; msync; isync" :: "r"(address) : "memory");
	else
		asm volatile("msync; isync" ::: "memory");
}

static u32 call(u32 address)
{
	return ((u32 (*)(void))address)();
}

/* Instructions of this very function, its page, change while it runs */
u32 change_own_page(u32 value);
asm(".globl change_own_page\n"
    "change_own_page:\n"
    "	lis	4, 1f@ha\n"
    "	addi	4, 4, 1f@l\n"
    "	oris	3, 3, 0x3860\n"
    "	stw	3, 0(4)\n"
    "	dcbst	0, 4\n"
    "	msync\n"
    "	icbi	0, 4\n"
    "	isync\n"
    "	nop\n"
    "1:	li	3, 0\n"
    "	blr\n");

/* A loop that replaces its own body each time */
u32 change_loop(u32 rounds);
asm(".globl change_loop\n"
    "change_loop:\n"
    "	mtctr	3\n"
    "	li	3, 0\n"
    "	lis	4, 2f@ha\n"
    "	addi	4, 4, 2f@l\n"
    "	lwz	5, 0(4)\n"
    "2:	addi	3, 3, 1\n"
    "	addi	5, 5, 1\n"
    "	stw	5, 0(4)\n"
    "	dcbst	0, 4\n"
    "	msync\n"
    "	icbi	0, 4\n"
    "	isync\n"
    "	bdnz	2b\n"
    "	blr\n");

int main(void)
{
	u32 i, invalidate;

	for (invalidate = 0; invalidate < 2; invalidate++) {
		print("%s icbi\n", invalidate ? "with" : "without");
		patch(0x200004, BLR, 1);
		for (i = 0; i < 4; i++) {
			patch(0x200000, LI_R3(i), invalidate);
			print("another page %d\n", call(0x200000));
		}
		/* The page is known by another address as well */
		tlbwe(0, MAS1_VALID | MAS1_4K, 0x40000000, 0x200000 | ALL, 0);
		patch(0x40000000, LI_R3(40), invalidate);
		print("through another address %d %d\n", call(0x200000), call(0x40000000));
		patch(0x200000, LI_R3(41), invalidate);
		print("and back %d %d\n", call(0x200000), call(0x40000000));
		/* An instruction across the end of what has been executed */
		patch(0x200ffc, LI_R3(50), invalidate);
		patch(0x201000, BLR, invalidate);
		print("falls into the next page %d\n", call(0x200ffc));
		patch(0x201000, LI_R3(51), invalidate);
		patch(0x201004, BLR, invalidate);
		print("which has changed %d\n", call(0x200ffc));
	}
	for (i = 60; i < 63; i++)
		print("own page %d\n", change_own_page(i));
	print("loop %d\n", change_loop(10));
	/* Bytes and half words, and a block of zeros: no instruction any more */
	*(volatile u8 *)0x200003 = 70;
	asm volatile("dcbst 0, %0; msync; icbi 0, %0; msync; isync" :: "r"(0x200000) : "memory");
	print("byte %d\n", call(0x200000));
	*(volatile u16 *)0x200002 = 71;
	asm volatile("dcbst 0, %0; msync; icbi 0, %0; msync; isync" :: "r"(0x200000) : "memory");
	print("half word %d\n", call(0x200000));
	asm volatile("dcbz 0, %0; dcbst 0, %0; msync; icbi 0, %0; msync; isync" :: "r"(0x200000) : "memory");
	patch(0x200020, BLR, 1);
	patch(0x200040, BLR, 1);
	probe_execute(0x200000, 0);
	print_interrupts("zeros");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lwarx and stwcx. QEMU compares the value in memory where the architecture keeps the reservation
 * (a core's own store does not lose it): nothing here stores another value to the reserved word itself.
 */

#include "runtime.h"

static u32 words[64] __attribute__((aligned(64)));

static u32 reserve(u32 *address)
{
	u32 value;

	asm volatile("lwarx %0, 0, %1" : "=r"(value) : "r"(address) : "memory");
	return value;
}

/* CR0 after stwcx.; SO is copied from XER */
static u32 conditional(u32 *address, u32 value)
{
	u32 cr;

	asm volatile("stwcx. %1, 0, %2; mfcr %0" : "=r"(cr) : "r"(value), "r"(address) : "cr0", "memory");
	return cr >> 28;
}

static void print_store(const char *what, u32 *address, u32 value)
{
	u32 cr0 = conditional(address, value);

	print("%s: CR0 %d, word %x\n", what, cr0, *(volatile u32 *)address);
}

static void ignore(struct frame *frame)
{
}

static u32 system_call(u32 a, u32 b)
{
	asm volatile("sc" ::: "memory");
	return 0;
}

int main(void)
{
	u32 cr0;

	words[0] = 0x100;
	print_store("no reservation", &words[0], 1);
	print("reserved %x\n", reserve(&words[0]));
	print_store("reserved", &words[0], 2);
	print_store("used up", &words[0], 3);
	reserve(&words[0]);
	print_store("another line", &words[32], 4);
	print_store("lost by it", &words[0], 5);
	reserve(&words[0]);
	reserve(&words[32]);
	print_store("reserved elsewhere since", &words[0], 6);
	print_store("used up by it", &words[32], 7);
	reserve(&words[0]);
	words[1] = 8;
	print_store("stored beside it", &words[0], 9);
	reserve(&words[0]);
	*(volatile u32 *)&words[0] = 9;
	print_store("stored the same value", &words[0], 10);
	handlers[8] = ignore;
	reserve(&words[0]);
	system_call(0, 0);
	/* rfi does not lose it, and whether the interrupt does is for the implementation */
	reserve(&words[0]);
	asm volatile("mtxer %0" :: "r"(0x80000000));
	cr0 = conditional(&words[0], 11);
	asm volatile("mtxer %0" :: "r"(0));
	print("with XER[SO]: CR0 %d\n", cr0);
	asm volatile("mtxer %0" :: "r"(0x80000000));
	cr0 = conditional(&words[0], 12);
	asm volatile("mtxer %0" :: "r"(0));
	print("failed with XER[SO]: CR0 %d, word %x\n", cr0, words[0]);
	/* A store that is refused */
	tlbwe(0, MAS1_VALID | MAS1_4K, 0x40000000, ((u32)words & ~0xfff) | MAS3_SR | MAS3_UR, 0);
	reserve((u32 *)(0x40000000 | ((u32)words & 0xfff)));
	conditional((u32 *)(0x40000000 | ((u32)words & 0xfff)), 13);
	print_interrupts("read-only");
	print("word %x\n", words[0]);
	return 0;
}

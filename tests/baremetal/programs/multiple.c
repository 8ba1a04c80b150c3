// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lmw and stmw, across pages and with a fault in the middle, where the manual leaves the registers and
 * the first words undefined: what counts is that the instruction does its work when it is done again.
 */

#include "runtime.h"

#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)
#define PAGES	0x40000000

static u32 refills;

/* Bring in the missing page, and have the instruction done again */
static void refill(struct frame *frame)
{
	u32 page = mfspr(DEAR) & ~0xfff;

	print(" refill at %x, esr %x, page %x\n", frame->pc, mfspr(ESR), page);
	refills++;
	tlbwe(0, MAS1_VALID | MAS1_4K, page, (0x300000 + (page & 0x1000)) | ALL, 0);
}

static void forget(void)
{
	tlbivax(4);
}

static u32 store_many(u32 address, u32 b)
{
	asm volatile("li 24, 24; li 25, 25; li 26, 26; li 27, 27; li 28, 28; li 29, 29; li 30, 30; li 31, 31;"
		     "stmw 24, 0(%0)" :: "b"(address)
		     : "24", "25", "26", "27", "28", "29", "30", "31", "memory");
	return 0;
}

static u32 load_many(u32 address, u32 b)
{
	u32 digits;

	asm volatile("li 31, 0; lmw 24, 0(%1); slwi %0, 24, 28; rlwimi %0, 25, 24, 4, 7; rlwimi %0, 26, 20, 8, 11;"
		     "rlwimi %0, 27, 16, 12, 15; rlwimi %0, 28, 12, 16, 19; rlwimi %0, 29, 8, 20, 23;"
		     "rlwimi %0, 30, 4, 24, 27; rlwimi %0, 31, 0, 28, 31"
		     : "=&r"(digits) : "b"(address)
		     : "24", "25", "26", "27", "28", "29", "30", "31", "memory");
	return digits;
}

int main(void)
{
	u32 offset, i;

	handlers[13] = refill;
	for (offset = 0xfd8; offset <= 0x1000; offset += 4) {
		for (i = 0; i < 0x40; i += 4)
			*(volatile u32 *)(0x300fd0 + i) = 0;
		print("%x\n", offset);
		forget();
		store_many(PAGES + offset, 0);
		for (i = 0; i < 0x40; i += 4)
			print(" %d", *(volatile u32 *)(0x300fd0 + i));
		print("\n");
		forget();
		print(" %x\n", load_many(PAGES + offset, 0));
		/* The second page alone is missing, then the first one */
		forget();
		probe_load(PAGES, 0);
		print(" %x\n", load_many(PAGES + offset, 0));
		forget();
		probe_load(PAGES + 0x1000, 0);
		print(" %x\n", load_many(PAGES + offset, 0));
	}
	/* A page that refuses the store */
	tlbwe(0, MAS1_VALID | MAS1_4K, PAGES, 0x300000 | ALL, 0);
	tlbwe(0, MAS1_VALID | MAS1_4K, PAGES + 0x1000, 0x301000 | MAS3_SR, 0);
	store_many(PAGES + 0xff0, 0);
	print_vectors("read-only second page");
	return 0;
}

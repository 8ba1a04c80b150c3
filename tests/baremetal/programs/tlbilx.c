// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tlbilx: invalidation on this core only, by everything, process ID or address. QEMU ignores the address
 * space of the latter, and lets process ID 0 of an entry match any (Power ISA 2.06, Book III-E, 6.11.4 does
 * neither): all entries here are of space 0, and those with process ID 0 have addresses of their own.
 */

#include "runtime.h"

#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)
#define WINDOW	0x40000000

static void fill(void)
{
	u32 n;

	for (n = 0; n < 4; n++) {
		tlbwe(n << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_4K | n << MAS1_TID_SHIFT,
		      WINDOW + (n == 0 ? 0x83000 : 0x3000), 0x300000 | ALL, 0);
		tlbwe(MAS0_TLB1 | (4 + n) << MAS0_ESEL_SHIFT,
		      MAS1_VALID | MAS1_1M | (n == 3 ? MAS1_IPROT : 0) | n << MAS1_TID_SHIFT,
		      WINDOW + 0x1000000 + n * 0x100000, 0x300000 | ALL, 0);
	}
}

static void print_all_valid(const char *what)
{
	u32 way, slot;

	print("%s: TLB 0", what);
	for (way = 0; way < 4; way++)
		print(" %d", tlbre(way << MAS0_ESEL_SHIFT, WINDOW + 0x3000).mas1 >> 31);
	print(" TLB 1");
	for (slot = 4; slot < 8; slot++)
		print(" %d", tlbre(MAS0_TLB1 | slot << MAS0_ESEL_SHIFT, 0).mas1 >> 31);
	print("\n");
	fill();
}

int main(void)
{
	u32 pid;

	fill();
	print_all_valid("filled");
	mtspr(MAS6, 2 << MAS6_SPID_SHIFT);
	asm volatile("tlbilx 0, 0, %0; isync; msync" :: "r"(0) : "memory");
	print_all_valid("tlbilxlpid");
	for (pid = 0; pid < 4; pid++) {
		mtspr(MAS6, pid << MAS6_SPID_SHIFT);
		asm volatile("tlbilx 1, 0, %0; isync; msync" :: "r"(0) : "memory");
		print_all_valid("tlbilxpid");
	}
	for (pid = 0; pid < 4; pid++) {
		mtspr(MAS6, pid << MAS6_SPID_SHIFT);
		asm volatile("tlbilx 3, 0, %0; isync; msync" :: "r"(WINDOW + 0x3678) : "memory");
		print_all_valid("tlbilxva, TLB 0");
		mtspr(MAS6, pid << MAS6_SPID_SHIFT);
		asm volatile("tlbilx 3, 0, %0; isync; msync" :: "r"(WINDOW + 0x1212345) : "memory");
		print_all_valid("tlbilxva, TLB 1");
	}
	return 0;
}

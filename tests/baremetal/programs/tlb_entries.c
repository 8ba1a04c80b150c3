// SPDX-License-Identifier: GPL-2.0-or-later
/* tlbwe, tlbre, tlbsx, tlbivax and MMUCSR0 on both TLBs; pages of all sizes. */

#include "runtime.h"

#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)
#define WINDOW	0x40000000	/* aligned to every page size up to 1 GiB */
#define SLOT	(MAS0_TLB1 | 5 << MAS0_ESEL_SHIFT)

static void print_mas(const char *what, struct mas mas)
{
	print("%s: MAS0 %x MAS1 %x MAS2 %x MAS3 %x MAS7 %x\n", what,
	      mas.mas0 & MAS0_WITHOUT_NV, mas.mas1, mas.mas2, mas.mas3, mas.mas7);
}

static void print_valid(const char *what, struct mas mas)
{
	print("%s: %s\n", what, mas.mas1 & MAS1_VALID ? "found" : "not found");
}

static void page_sizes(void)
{
	u32 code, size;

	*(volatile u32 *)0x200000 = 0x12345678;
	for (code = 1; code <= 10; code++) {
		size = 1024 << 2 * code;
		tlbwe(SLOT, MAS1_VALID | code << 8, WINDOW, ALL | (size >= 0x400000 ? 0 : 0x200000), 0);
		print("page of %x\n", size);
		print_mas(" tlbre", tlbre(SLOT, 0));
		print_mas(" tlbsx", tlbsx(WINDOW + size - 4, 0, 0));
		print_valid(" behind its end", tlbsx(WINDOW + size, 0, 0));
		print_valid(" before its start", tlbsx(WINDOW - 4, 0, 0));
		print(" load %x\n", probe_load(WINDOW + (size >= 0x400000 ? 0x200000 : 0), 0));
		if (size <= 0x4000000) {
			probe_store(WINDOW + size - 4, size);
			print(" last word %x\n", probe_load(size - 4 + (size >= 0x400000 ? 0 : 0x200000), 0));
		}
		probe_load(WINDOW + size, 0);
		print_interrupts(" load behind its end");
	}
}

static void attributes(void)
{
	tlbwe(SLOT, MAS1_VALID | MAS1_IPROT | 0x3f << MAS1_TID_SHIFT | MAS1_TS | MAS1_4K,
	      WINDOW | 0x1f, 0x300000 | ALL | 0x3c0, 0xf);
	print_mas("all attributes", tlbre(SLOT, 0));
	tlbwe(SLOT, MAS1_4K, WINDOW, 0x300000, 0);
	print_mas("invalid", tlbre(SLOT, 0));
}

static void four_ways(void)
{
	u32 way;

	for (way = 0; way < 4; way++)
		tlbwe(way << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_4K | (way & 1) << MAS1_TID_SHIFT,
		      WINDOW + way * 0x80000 + 0x3000, (0x300000 + way * 0x1000) | ALL, 0);
	for (way = 0; way < 4; way++) {
		print_mas("way", tlbre(way << MAS0_ESEL_SHIFT, WINDOW + 0x3000));
		print_mas("search", tlbsx(WINDOW + way * 0x80000 + 0x3abc, way & 1, 0));
	}
	print_valid("search for another process", tlbsx(WINDOW + 0x83000, 2, 0));
	print_valid("search in another space", tlbsx(WINDOW + 0x3000, 0, 1));
	/* TLB 0 knows one page size, whatever MAS1 says */
	tlbwe(0, MAS1_VALID | MAS1_1M, WINDOW + 0x5000, 0x300000 | ALL, 0);
	print_valid("next page in TLB 0", tlbsx(WINDOW + 0x6000, 0, 0));
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
}

static void fill(void)
{
	u32 n;

	for (n = 0; n < 4; n++) {
		tlbwe(n << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_4K | n << MAS1_TID_SHIFT,
		      WINDOW + n * 0x80000 + 0x3000, 0x300000 | ALL, 0);
		tlbwe(MAS0_TLB1 | (4 + n) << MAS0_ESEL_SHIFT,
		      MAS1_VALID | MAS1_1M | (n == 3 ? MAS1_IPROT : 0) | n << MAS1_TID_SHIFT,
		      WINDOW + 0x1000000 + n * 0x100000, 0x300000 | ALL, 0);
	}
}

static void invalidate(void)
{
	fill();
	print_all_valid("filled");
	tlbivax(WINDOW + 0x83000);
	print_all_valid("one of TLB 0");
	tlbivax((WINDOW + 0x1100000) | 8);
	print_all_valid("one of TLB 1");
	tlbivax((WINDOW + 0x1234000) | 8);
	print_all_valid("one of TLB 1 by an address within the page");
	tlbivax((WINDOW + 0x1300000) | 8);
	print_all_valid("a protected one");
	fill();
	tlbivax(4);
	print_all_valid("all of TLB 0");
	fill();
	tlbivax(0xc);
	print_all_valid("all of TLB 1");
	fill();
	mtspr(MMUCSR0, 4);
	print_all_valid("MMUCSR0, TLB 0");
	fill();
	mtspr(MMUCSR0, 2);
	print_all_valid("MMUCSR0, TLB 1");
	print("MMUCSR0 %x\n", mfspr(MMUCSR0));
}

int main(void)
{
	print("TLB0CFG %x TLB1CFG %x\n", mfspr(TLB0CFG), mfspr(TLB1CFG));
	page_sizes();
	attributes();
	four_ways();
	invalidate();
	return 0;
}

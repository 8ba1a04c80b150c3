// SPDX-License-Identifier: GPL-2.0-or-later
/* What each permission bit allows to whom, in both TLBs, and what the storage interrupts say. */

#include "runtime.h"

#define FRAME	0x300000
#define BLR	0x4e800020

static const struct {
	const char *name;
	u32 address;
	u32 mas0, mas1;
} places[] = {
	{ "TLB 0", 0x40000000, 0, MAS1_VALID | MAS1_4K },
	{ "TLB 1", 0x50000000, MAS0_TLB1 | 5 << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_1M },
};

static const struct {
	const char *name;
	u32 (*function)(u32, u32);
} accesses[] = {
	{ "load", probe_load }, { "store", probe_store }, { "execute", probe_execute },
};

static void try_all(u32 address, void (*print_result)(const char *))
{
	u32 i;

	for (i = 0; i < 3; i++) {
		print(" supervisor ");
		accesses[i].function(address, BLR);
		print_result(accesses[i].name);
		print(" user ");
		call_with_msr(accesses[i].function, address, BLR, MSR_PR);
		print_result(accesses[i].name);
	}
}

/* dcbi is a store to the manual (EREF 3.3.6.1) and a load to QEMU; QEMU's DEAR is that of the block */
static u32 block_touch(u32 address, u32 b) { asm volatile("dcbt 0, %0; dcbtst 0, %0; dcba 0, %0" :: "r"(address)); return 0; }
static u32 block_zero(u32 address, u32 b) { asm volatile("dcbz 0, %0" :: "r"(address)); return 0; }
static u32 block_store(u32 address, u32 b) { asm volatile("dcbst 0, %0" :: "r"(address)); return 0; }
static u32 block_flush(u32 address, u32 b) { asm volatile("dcbf 0, %0" :: "r"(address)); return 0; }
static u32 block_instruction(u32 address, u32 b) { asm volatile("icbi 0, %0" :: "r"(address)); return 0; }
static u32 reserve(u32 address, u32 b) { asm volatile("lwarx %0, 0, %1" : "+r"(b) : "r"(address)); return 0; }

static const struct {
	const char *name;
	u32 (*function)(u32, u32);
} block_operations[] = {
	{ "touch", block_touch }, { "dcbz", block_zero }, { "dcbst", block_store }, { "dcbf", block_flush },
	{ "icbi", block_instruction }, { "lwarx", reserve },
};

static void blocks(const char *what, u32 address)
{
	u32 i;

	print("%s\n", what);
	for (i = 0; i < sizeof(block_operations) / sizeof(block_operations[0]); i++) {
		block_operations[i].function(address, 0);
		print_interrupts(block_operations[i].name);
	}
}

int main(void)
{
	u32 i, bit;

	*(volatile u32 *)FRAME = BLR;
	for (i = 0; i < 2; i++) {
		for (bit = MAS3_SR; bit <= MAS3_UX; bit <<= 1) {
			print("%s, permission %x\n", places[i].name, bit);
			tlbwe(places[i].mas0, places[i].mas1, places[i].address, FRAME | bit, 0);
			try_all(places[i].address, print_vectors);
		}
		print("%s, no permission\n", places[i].name);
		tlbwe(places[i].mas0, places[i].mas1, places[i].address, FRAME, 0);
		try_all(places[i].address, print_interrupts);
	}
	tlbwe(places[0].mas0, places[0].mas1, places[0].address, FRAME | MAS3_SR, 0);
	blocks("supervisor may read", places[0].address + 0x140);
	tlbwe(places[0].mas0, places[0].mas1, places[0].address, FRAME | MAS3_SW | MAS3_SR, 0);
	blocks("supervisor may read and write", places[0].address + 0x140);
	blocks("no translation", 0x70000140);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Unaligned accesses, within a page and across pages, where both are mapped and where one is not. */

#include "runtime.h"

#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)
#define PAGES	0x40000000

static u32 store_half(u32 address, u32 value) { asm volatile("sth %1, 0(%0)" :: "b"(address), "r"(value) : "memory"); return 0; }
static u32 store_word(u32 address, u32 value) { asm volatile("stw %1, 0(%0)" :: "b"(address), "r"(value) : "memory"); return 0; }
static u32 store_reversed(u32 address, u32 value) { asm volatile("stwbrx %1, 0, %0" :: "b"(address), "r"(value) : "memory"); return 0; }
static u32 load_half(u32 address, u32 value) { asm volatile("lhz %0, 0(%1)" : "+r"(value) : "b"(address) : "memory"); return value; }
static u32 load_algebraic(u32 address, u32 value) { asm volatile("lha %0, 0(%1)" : "+r"(value) : "b"(address) : "memory"); return value; }
static u32 load_word(u32 address, u32 value) { asm volatile("lwz %0, 0(%1)" : "+r"(value) : "b"(address) : "memory"); return value; }
static u32 load_reversed(u32 address, u32 value) { asm volatile("lwbrx %0, 0, %1" : "+r"(value) : "b"(address) : "memory"); return value; }
static u32 load_update(u32 address, u32 value) { asm volatile("lwzu %0, 4(%1)" : "+r"(value), "+b"(address) :: "memory"); return address; }
static u32 store_update(u32 address, u32 value) { asm volatile("stwu %1, 4(%0)" : "+b"(address) : "r"(value) : "memory"); return address; }

static const struct {
	const char *name;
	u32 (*function)(u32, u32);
} accesses[] = {
	{ "sth", store_half }, { "stw", store_word }, { "stwbrx", store_reversed },
	{ "lhz", load_half }, { "lha", load_algebraic }, { "lwz", load_word }, { "lwbrx", load_reversed },
	{ "lwzu", load_update }, { "stwu", store_update },
};

static void map(u32 first, u32 second)
{
	tlbwe(0, first ? MAS1_VALID | MAS1_4K : MAS1_4K, PAGES, 0x300000 | first, 0);
	tlbwe(0, second ? MAS1_VALID | MAS1_4K : MAS1_4K, PAGES + 0x1000, 0x350000 | second, 0);
}

/* Every access at every place around the border between the two pages */
static void sweep(const char *what)
{
	u32 i, offset;

	print("%s\n", what);
	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		for (offset = 0xffb; offset < 0x1002; offset++) {
			*(volatile u32 *)0x300ff8 = 0x81828384;
			*(volatile u32 *)0x300ffc = 0x85868788;
			*(volatile u32 *)0x350000 = 0x898a8b8c;
			*(volatile u32 *)0x350004 = 0x8d8e8f90;
			print("%x %s %x", offset, accesses[i].name,
			      accesses[i].function(PAGES + offset, 0x11223344));
			print(" memory %x %x %x %x", *(volatile u32 *)0x300ff8, *(volatile u32 *)0x300ffc,
			      *(volatile u32 *)0x350000, *(volatile u32 *)0x350004);
			print_interrupts("");
		}
	}
}

int main(void)
{
	map(ALL, ALL);
	sweep("both pages mapped");
	map(ALL, 0);
	sweep("the second page is missing");
	map(0, ALL);
	sweep("the first page is missing");
	map(ALL, MAS3_SR | MAS3_UR);
	sweep("the second page is read-only");
	return 0;
}

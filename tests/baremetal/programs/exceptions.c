// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts that instructions raise: which vector, and what the registers say. */

#include "runtime.h"

#define UNMAPPED	0x40000000

static u32 system_call(u32 a, u32 b) { asm volatile("sc" ::: "memory"); return 0; }
static u32 trap(u32 a, u32 b) { asm volatile("trap"); return 0; }
static u32 trap_if_equal(u32 a, u32 b) { asm volatile("tweq %0, %1" :: "r"(a), "r"(b)); return 0; }
static u32 illegal(u32 a, u32 b) { asm volatile(".long 0"); return 0; }
static u32 privileged(u32 a, u32 b) { asm volatile("mfmsr %0" : "=r"(a)); return 0; }
static u32 privileged_spr(u32 a, u32 b) { asm volatile("mfspr %0, 26" : "+r"(a)); return 0; }
static u32 privileged_return(u32 a, u32 b) { asm volatile("rfi"); return 0; }
static u32 privileged_tlb(u32 a, u32 b) { asm volatile("tlbwe"); return 0; }
static u32 missing_spr(u32 a, u32 b) { asm volatile("mfspr %0, 1016" : "+r"(a)); return 0; }
static u32 floating_point(u32 a, u32 b) { asm volatile(".long 0xfc00002a"); return 0; }
static u32 load_floating_point(u32 a, u32 b) { asm volatile(".long 0xc8010000"); return 0; }
static u32 reserve_unaligned(u32 a, u32 b) { asm volatile("lwarx %0, 0, %1" : "+r"(b) : "r"(a)); return 0; }

static const struct {
	const char *name;
	u32 (*function)(u32, u32);
	u32 a, b;
} cases[] = {
	{ "trap", trap, 0, 0 },
	{ "tweq of equals", trap_if_equal, 5, 5 },
	{ "tweq of others", trap_if_equal, 5, 6 },
	{ "word 0", illegal, 0, 0 },
	{ "mfmsr", privileged, 0, 0 },
	{ "mfspr SRR0", privileged_spr, 0, 0 },
	{ "fadd", floating_point, 0, 0 },
	{ "lfd", load_floating_point, 0, 0 },
	{ "load from nowhere", probe_load, UNMAPPED + 4, 0 },
	{ "store to nowhere", probe_store, UNMAPPED + 8, 0 },
	{ "execute nothing", probe_execute, UNMAPPED, 0 },
	{ "lwarx unaligned", reserve_unaligned, 0x200002, 0 },
};

/* sc saves the address of the next instruction */
static void count_system_call(struct frame *frame)
{
	u32 word = *(u32 *)(frame->pc - 4);

	print("system call: instruction %x msr %x\n", word, frame->msr);
}

int main(void)
{
	u32 i;

	handlers[8] = count_system_call;
	system_call(0, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print("%s ", cases[i].name);
		cases[i].function(cases[i].a, cases[i].b);
		print_interrupts("supervisor");
		print("%s ", cases[i].name);
		call_with_msr(cases[i].function, cases[i].a, cases[i].b, MSR_PR | MSR_EE | MSR_CE | MSR_ME);
		print_interrupts("user");
	}
	call_with_msr(privileged_return, 0, 0, MSR_PR);
	print_interrupts("rfi in user mode");
	call_with_msr(privileged_tlb, 0, 0, MSR_PR);
	print_interrupts("tlbwe in user mode");
	call_with_msr(missing_spr, 0, 0, MSR_PR);
	print_interrupts("register that is privileged and missing in user mode");
	return 0;
}

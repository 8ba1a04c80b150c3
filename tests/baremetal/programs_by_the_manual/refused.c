// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that the core refuses, where QEMU does not or says something else; and two it must not refuse. */

#include "runtime.h"

static u32 word __attribute__((aligned(64)));

static void unaligned(u32 address)
{
	asm volatile("lmw 30, 0(%0)" :: "b"(address) : "30", "31");
	print_causes("lmw unaligned");
	asm volatile("stmw 30, 0(%0)" :: "b"(address) : "memory");
	print_causes("stmw unaligned");
	asm volatile("stwcx. %0, 0, %0" :: "r"(address) : "cr0", "memory");
	print_causes("stwcx. unaligned");
}

static void refused_blocks(u32 address)
{
	asm volatile("dcbz 0, %0" :: "r"(address) : "memory");
	print_causes("dcbz");
	asm volatile("dcbi 0, %0" :: "r"(address) : "memory");
	print_causes("dcbi");
	asm volatile("icbi 0, %0" :: "r"(address) : "memory");
	print_causes("icbi");
}

static u32 missing_user_register(u32 a, u32 b)
{
	asm volatile("mfspr %0, 2" : "+r"(a));
	return a;
}

static void own_store_keeps_the_reservation(void)
{
	u32 cr;

	asm volatile("lwarx %0, 0, %1; stw %1, 0(%1); stwcx. %2, 0, %1; mfcr %0"
		     : "=&r"(cr) : "b"(&word), "r"(5) : "cr0", "memory");
	print("stwcx. after a store of this core: CR0 %d, word %d\n", cr >> 28, word);
}

static void machine_check_syndrome(void)
{
	mtspr(MCSR, 0xffffffff);
	print("MCSR after ones have been written %x\n", mfspr(MCSR));
}

int main(void)
{
	u32 value = 0;

	unaligned(0x200002);
	refused_blocks(0x70000144);
	asm volatile("mfspr %0, 1016" : "+r"(value));
	print_causes("register that does not exist");
	call_with_msr(missing_user_register, 0, 0, MSR_PR);
	print_causes("the same in user mode, not privileged by its number");
	asm volatile("tlbilx 0, 0, 0");
	print_causes("tlbilx");
	own_store_keeps_the_reservation();
	machine_check_syndrome();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The TLB instructions. */

#include "runtime.h"

void tlbwe(u32 mas0, u32 mas1, u32 mas2, u32 mas3, u32 mas7)
{
	mtspr(MAS0, mas0);
	mtspr(MAS1, mas1);
	mtspr(MAS2, mas2);
	mtspr(MAS3, mas3);
	mtspr(MAS7, mas7);
	asm volatile("isync; tlbwe; isync; msync" ::: "memory");
}

struct mas read_mas(void)
{
	struct mas mas = { mfspr(MAS0), mfspr(MAS1), mfspr(MAS2), mfspr(MAS3), mfspr(MAS7) };

	return mas;
}

struct mas tlbre(u32 mas0, u32 mas2)
{
	mtspr(MAS0, mas0);
	mtspr(MAS2, mas2);
	asm volatile("isync; tlbre; isync");
	return read_mas();
}

struct mas tlbsx(u32 address, u32 pid, u32 space)
{
	mtspr(MAS6, pid << MAS6_SPID_SHIFT | space);
	asm volatile("isync; tlbsx 0, %0; isync" :: "r"(address));
	return read_mas();
}

void tlbivax(u32 operand)
{
	asm volatile("msync; tlbivax 0, %0; tlbsync; msync; isync" :: "r"(operand) : "memory");
}

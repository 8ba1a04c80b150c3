// SPDX-License-Identifier: GPL-2.0-or-later
/* Process IDs, the two address spaces, and the MAS registers after a TLB miss. */

#include "runtime.h"

#define ALL	(MAS3_SX | MAS3_SW | MAS3_SR | MAS3_UX | MAS3_UW | MAS3_UR)
#define PAGE	0x40000000
#define MAS4_TIDSEL_PID1 0x00010000
#define MAS4_TIDSEL_PID2 0x00020000
#define PID1	633
#define PID2	634

static struct mas at_miss;
static u32 mas6_at_miss;

static void keep_mas(struct frame *frame)
{
	at_miss = read_mas();
	mas6_at_miss = mfspr(MAS6);
	frame->pc = frame->vector == 14 ? frame->lr : frame->pc + 4;
}

static void print_miss(const char *what)
{
	print("%s: MAS0 %x MAS1 %x MAS2 %x MAS3 %x MAS6 %x MAS7 %x\n", what, at_miss.mas0 & MAS0_TLB1, at_miss.mas1,
	      at_miss.mas2, at_miss.mas3, mas6_at_miss, at_miss.mas7);
}

static void process_ids(void)
{
	u32 pid;

	for (pid = 0; pid < 4; pid++) {
		*(volatile u32 *)(0x300000 + pid * 0x1000) = 0x1000 + pid;
		tlbwe(pid << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_4K | pid << MAS1_TID_SHIFT,
		      PAGE + (pid == 0 ? 0x1000 : 0), (0x300000 + pid * 0x1000) | ALL, 0);
	}
	for (pid = 0; pid < 5; pid++) {
		mtspr(PID, pid);
		print("process %d sees %x and %x\n", pid, probe_load(PAGE, 0), probe_load(PAGE + 0x1000, 0));
		print_vectors(" interrupts");
	}
	mtspr(PID, 0xff);
	print("process ID %x\n", mfspr(PID));
	mtspr(PID, 0);
#ifdef E500V2
	mtspr(PID1, 2);
	print("by PID1 %x\n", probe_load(PAGE, 0));
	mtspr(PID1, 0);
	mtspr(PID2, 3);
	print("by PID2 %x\n", probe_load(PAGE, 0));
	mtspr(PID2, 0);
#endif
	print_vectors("interrupts");
}

/* Data of space 1, instructions of space 0: only supervisor code of this program can be there */
static void spaces(void)
{
	tlbwe(0, MAS1_VALID | MAS1_4K | MAS1_TS, PAGE + 0x2000, 0x301000 | ALL, 0);
	tlbwe(1 << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_4K, PAGE + 0x2000, 0x302000 | ALL, 0);
	/* The program itself in space 1 */
	tlbwe(MAS0_TLB1 | 6 << MAS0_ESEL_SHIFT, MAS1_VALID | MAS1_IPROT | MAS1_TS | MAS1_1M, 0, ALL, 0);
	print("space 0 %x\n", probe_load(PAGE + 0x2000, 0));
	print("space 1 %x\n", call_with_msr(probe_load, PAGE + 0x2000, 0, MSR_DS));
	print("space 1, user %x\n", call_with_msr(probe_load, PAGE + 0x2000, 0, MSR_PR | MSR_DS | MSR_IS));
	print("space 0, user %x\n", call_with_msr(probe_load, PAGE + 0x2000, 0, MSR_PR | MSR_IS));
	*(volatile u32 *)0x301000 = 0x38600001;	/* li r3, 1 */
	*(volatile u32 *)0x301004 = 0x4e800020;	/* blr */
	*(volatile u32 *)0x302000 = 0x38600002;
	*(volatile u32 *)0x302004 = 0x4e800020;
	asm volatile("msync; icbi 0, %0; icbi 0, %1; isync" :: "r"(0x301000), "r"(0x302000));
	print("code of space 0 %d\n", call_with_msr(probe_execute, PAGE + 0x2000, 0, MSR_DS));
	print("code of space 1 %d\n", call_with_msr(probe_execute, PAGE + 0x2000, 0, MSR_IS));
	print_interrupts("interrupts");
	call_with_msr(probe_load, PAGE + 0x3000, 0, MSR_DS);
	call_with_msr(probe_execute, PAGE + 0x3000, 0, MSR_IS);
	print_interrupts("misses");
}

static void defaults_at_miss(void)
{
	handlers[13] = handlers[14] = keep_mas;
	mtspr(PID, 0x21);
	mtspr(MAS4, 0);
	probe_load(0x60012344, 0);
	print_miss("load");
	mtspr(MAS4, 0x00000294);
	probe_store(0x60012344, 0);
	print_miss("store, attributes");
	mtspr(MAS4, MAS0_TLB1 | MAS1_1M | 0x1f);
	call_with_msr(probe_load, 0x60012344, 0, MSR_DS | MSR_IS);
	print_miss("load, TLB 1, space 1");
	call_with_msr(probe_execute, 0x60012344, 0, MSR_PR);
	print_miss("execute, TLB 1");
#ifdef E500V2
	mtspr(PID1, 0x31);
	mtspr(PID2, 0x32);
	mtspr(MAS4, MAS4_TIDSEL_PID1);
	probe_load(0x60012344, 0);
	print_miss("load, PID1");
	mtspr(MAS4, MAS4_TIDSEL_PID2);
	probe_load(0x60012344, 0);
	print_miss("load, PID2");
	mtspr(PID1, 0);
	mtspr(PID2, 0);
#endif
	mtspr(MAS4, 0x0000011b);
	mtspr(PID, 0);
	at_miss = tlbsx(0x60012344, 0x45, 1);
	mas6_at_miss = mfspr(MAS6);
	print_miss("search in vain");
	/* The handler's usual way: write the entry for which the miss has prepared */
	mtspr(MAS4, MAS1_4K);
	probe_load(0x60012344, 0);
	mtspr(MAS3, 0x301000 | ALL);
	mtspr(MAS7, 0);
	asm volatile("tlbwe; isync; msync" ::: "memory");
	print("after the refill %x\n", probe_load(0x60012000, 0));
	/* A storage interrupt leaves the MAS registers alone */
	tlbwe(0, MAS1_VALID | MAS1_4K, PAGE + 0x4000, 0x301000, 0);
	probe_load(PAGE + 0x4000, 0);
	at_miss = read_mas();
	print_miss("storage interrupt");
	print_vectors("interrupts");
}

int main(void)
{
	process_ids();
	spaces();
	defaults_at_miss();
	return 0;
}

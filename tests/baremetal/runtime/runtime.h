/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the bare-metal programs share: output, interrupts, TLB entries.
 *
 * A program is main(): it prints facts, and never what depends on the time that something takes.
 */

#ifndef RUNTIME_H
#define RUNTIME_H

#include "registers.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define mfspr(number)		({ u32 _v; asm volatile("mfspr %0, %1" : "=r"(_v) : "i"(number)); _v; })
#define mtspr(number, value)	asm volatile("mtspr %0, %1; isync" :: "i"(number), "r"(value) : "memory")
#define mfmsr()			({ u32 _v; asm volatile("mfmsr %0" : "=r"(_v)); _v; })
#define mtmsr(value)		asm volatile("mtmsr %0; isync" :: "r"(value) : "memory")

static inline u32 read32(u32 address)
{
	u32 value = *(volatile u32 *)address;

	asm volatile("mbar" ::: "memory");
	return value;
}

static inline void write32(u32 address, u32 value)
{
	*(volatile u32 *)address = value;
	asm volatile("mbar" ::: "memory");
}

/* Output: %s, %d (decimal), %x (8 digits) */
void print(const char *format, ...);
/* End the program: reset the board */
void finish(void) __attribute__((noreturn));

/* What was interrupted; start.S lays it out. pc and msr are from the save/restore registers of the level. */
struct frame {
	u32 gpr[32];
	u32 lr, ctr, xer, cr, pc, msr, vector;
};

/*
 * Who handles an interrupt; without a handler it is recorded, and the program goes on behind the
 * instruction, or behind the call if it was the fetch that failed.
 */
extern void (*handlers[VECTOR_NUMBERS])(struct frame *);

/* Print and forget what has been recorded: each interrupt with its save/restore registers, ESR, DEAR */
void print_interrupts(const char *what);
/* The same without the save/restore registers, which depend on where the compiler puts things */
void print_causes(const char *what);
/* Print only by which vectors interrupts were taken */
void print_vectors(const char *what);

/* r1 and following as they were at the entry; entry_registers[0] is r1 */
extern u32 entry_registers[31];

/* Call function(a, b) with this MSR */
u32 call_with_msr(u32 (*function)(u32, u32), u32 a, u32 b, u32 msr);

/* One access each: the value, or what was in the register before the interrupt */
u32 probe_load(u32 address, u32 unused);
u32 probe_store(u32 address, u32 value);
/* Call the code at the address */
u32 probe_execute(u32 address, u32 unused);

/* Write, read and search the TLBs; the MAS registers are those of the manual */
struct mas {
	u32 mas0, mas1, mas2, mas3, mas7;
};
void tlbwe(u32 mas0, u32 mas1, u32 mas2, u32 mas3, u32 mas7);
struct mas tlbre(u32 mas0, u32 mas2);
struct mas tlbsx(u32 address, u32 pid, u32 space);
void tlbivax(u32 operand);
struct mas read_mas(void);

/* Without MAS0[NV], which QEMU does not take from tlbwe as the e500 does (core manual, 2.12.5.1) */
#define MAS0_WITHOUT_NV	0xffff0000

#endif

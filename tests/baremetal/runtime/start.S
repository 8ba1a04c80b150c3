/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry and interrupt vectors of the bare-metal programs.
 *
 * Entered as ePAPR has it: MSR is 0 and entry 0 of TLB 1 maps the program. Entry 1 becomes
 * 1 MiB of guarded device memory at 0xe0000000, where CCSR (0xf_e000_0000) is seen.
 */

#include "registers.h"

	.macro	set_register number, value
	lis	3, (\value)@h
	ori	3, 3, (\value)@l
	mtspr	\number, 3
	.endm

	.section .entry, "ax"
	.globl	_start
_start:
	/* What the boot program hands over, for the program that prints it */
	lis	10, entry_registers@ha
	addi	10, 10, entry_registers@l
	stw	1, 0(10)
	stw	2, 4(10)
	stmw	3, 8(10)

	/* Entry 0 stays whatever is invalidated */
	set_register MAS0, MAS0_TLB1
	tlbre
	mfspr	3, MAS1
	oris	3, 3, MAS1_IPROT@h
	mtspr	MAS1, 3
	tlbwe

	set_register MAS0, MAS0_TLB1 | 1 << MAS0_ESEL_SHIFT
	set_register MAS1, MAS1_VALID | MAS1_IPROT | MAS1_1M
	set_register MAS2, CCSR | MAS2_I | MAS2_G
	set_register MAS3, 0xe0000000 | MAS3_SW | MAS3_SR | MAS3_UW | MAS3_UR
	set_register MAS7, 0xf
	tlbwe
	isync

	.macro	set_vector first, number, of
	li	3, (vector_\number - vectors)
	mtspr	\of + \number - \first, 3
	.endm

	set_register IVPR, vectors
	.irp	number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	set_vector 0, \number, IVOR0
	.endr
#ifdef E500V2
	.irp	number, 32,33,34
	set_vector 32, \number, IVOR32
	.endr
#endif
	set_vector 32, 35, IVOR32
	lis	1, stack@ha
	addi	1, 1, stack@l
	bl	main
	bl	finish

/*
 * A vector saves everything in a struct frame on the stack of what was interrupted, calls
 * interrupt(frame), and returns with what the frame then says.
 */
	.macro	vector number, address_register, msr_register, return
	.balign	16
vector_\number:
	stwu	1, -FRAME_SIZE(1)
	stw	0, FRAME_GPR(1)
	stmw	2, FRAME_GPR + 8(1)
	mflr	0
	stw	0, FRAME_LR(1)
	li	3, \number
	mfspr	4, \address_register
	mfspr	5, \msr_register
	bl	handle
	lwz	3, FRAME_PC(1)
	mtspr	\address_register, 3
	lwz	3, FRAME_MSR(1)
	mtspr	\msr_register, 3
	lwz	3, FRAME_LR(1)
	mtlr	3
	lwz	3, FRAME_CTR(1)
	mtctr	3
	lwz	3, FRAME_XER(1)
	mtxer	3
	lwz	3, FRAME_CR(1)
	mtcr	3
	lmw	2, FRAME_GPR + 8(1)
	lwz	0, FRAME_GPR(1)
	addi	1, 1, FRAME_SIZE
	\return
	.endm

	.balign	0x10000
vectors:
	.irp	number, 2,3,4,5,6,7,8,9,10,11,13,14,32,33,34,35
	vector	\number, SRR0, SRR1, rfi
	.endr
	.irp	number, 0,12,15
	vector	\number, CSRR0, CSRR1, rfci
	.endr
	vector	1, MCSRR0, MCSRR1, rfmci

	/* Complete the frame and let C handle the interrupt */
handle:
	stw	3, FRAME_VECTOR(1)
	stw	4, FRAME_PC(1)
	stw	5, FRAME_MSR(1)
	addi	3, 1, FRAME_SIZE
	stw	3, FRAME_GPR + 4(1)
	mfctr	3
	stw	3, FRAME_CTR(1)
	mfxer	3
	stw	3, FRAME_XER(1)
	mfcr	3
	stw	3, FRAME_CR(1)
	addi	3, 1, FRAME_GPR
	b	interrupt

/*
 * u32 call_with_msr(function, argument, argument, msr): call a function in another machine state; it
 * returns through a system call, on which interrupt() continues here as return_from_call.
 */
	.text
	.globl	call_with_msr
call_with_msr:
	stwu	1, -96(1)
	mflr	0
	stw	0, 100(1)
	stmw	14, 16(1)
	lis	7, stack_of_call@ha
	stw	1, stack_of_call@l(7)
	lis	7, return_by_system_call@ha
	addi	7, 7, return_by_system_call@l
	mtlr	7
	mtspr	SRR0, 3
	mtspr	SRR1, 6
	mr	3, 4
	mr	4, 5
	rfi
return_by_system_call:
	sc
	b	return_by_system_call

	.globl	return_from_call
return_from_call:
	lis	7, stack_of_call@ha
	lwz	1, stack_of_call@l(7)
	lmw	14, 16(1)
	lwz	0, 100(1)
	mtlr	0
	addi	1, 1, 96
	blr

	.bss
	.balign	16
	.space	16384
	/* The first frame: back chain and saved LR */
stack:	.space	16
	.globl	stack_of_call
stack_of_call:
	.space	4
	.globl	entry_registers
entry_registers:
	.space	31 * 4

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entered as ePAPR has it: entry 0 of TLB1 maps the program and its data. Entry 1
 * becomes 1 MiB of device memory at 0xe0000000, where CCSR (0xf_e000_0000) is seen.
 */

#define MAS0	624
#define MAS1	625
#define MAS2	626
#define MAS3	627
#define MAS7	944

	.macro set_mas mas, value
	lis	3, \value@h
	ori	3, 3, \value@l
	mtspr	\mas, 3
	.endm

	.globl	_start
_start:
	set_mas	MAS0, 0x10010000	/* TLBSEL = 1, ESEL = 1 */
	set_mas	MAS1, 0x80000500	/* V, TSIZE = 5: 1 MiB */
	set_mas	MAS2, 0xe000000a	/* EPN, I, G */
	set_mas	MAS3, 0xe000003f	/* RPN, all permissions */
	set_mas	MAS7, 0x0000000f	/* RPN, the bits above 32 */
	tlbwe
	isync

	lis	1, stack@ha
	addi	1, 1, stack@l
	bl	run

	.bss
	.balign	16
	.space	65536
	/* The first frame: back chain and saved LR */
stack:	.space	16

	.section .note.GNU-stack, "", @progbits

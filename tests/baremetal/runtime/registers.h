/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and bits of registers, for C and assembly (Power ISA 2.06, Book III-E; e500 core reference
 * manual, chapter 2; MPC8544E reference manual for what lies in CCSR).
 */

/* Special-purpose registers */
#define SRR0		26
#define SRR1		27
#define PID		48
#define DECAR		54
#define CSRR0		58
#define CSRR1		59
#define DEAR		61
#define ESR		62
#define IVPR		63
#define TBL		268
#define TSR		336
#define TCR		340
#define IVOR0		400
#define IVOR32		528
#define SPRG0		272
#define USPRG3		259
#define MCSRR0		570
#define MCSRR1		571
#define MCSR		572
#define MAS0		624
#define MAS1		625
#define MAS2		626
#define MAS3		627
#define MAS4		628
#define MAS6		630
#define MAS7		944
#define TLB0CFG		688
#define TLB1CFG		689
#define EPR		702
#define HID0		1008
#define MMUCSR0		1012
#define DEC		22

/* Machine state register */
#define MSR_WE		0x00040000
#define MSR_CE		0x00020000
#define MSR_EE		0x00008000
#define MSR_PR		0x00004000
#define MSR_FP		0x00002000
#define MSR_ME		0x00001000
#define MSR_IS		0x00000020
#define MSR_DS		0x00000010

/* MMU assist registers */
#define MAS0_TLB1	0x10000000
#define MAS0_ESEL_SHIFT	16
#define MAS1_VALID	0x80000000
#define MAS1_IPROT	0x40000000
#define MAS1_TID_SHIFT	16
#define MAS1_TS		0x00001000
#define MAS1_TSIZE_SHIFT 7
#define MAS1_4K		(2 << MAS1_TSIZE_SHIFT)
#define MAS1_1M		(10 << MAS1_TSIZE_SHIFT)
#define MAS2_I		0x8
#define MAS2_G		0x2
#define MAS3_UX		0x20
#define MAS3_SX		0x10
#define MAS3_UW		0x08
#define MAS3_SW		0x04
#define MAS3_UR		0x02
#define MAS3_SR		0x01
#define MAS6_SPID_SHIFT	16
#define MAS6_SAS	0x1
#define HID0_NAP	0x00400000
#define HID0_TBEN	0x00004000

/* Timers */
#define TCR_WP(n)	(((n) & 3U) << 30 | ((n) >> 2 & 0xf) << 17)
#define TCR_WRC(n)	((n) << 28)
#define TCR_WIE		0x08000000
#define TCR_DIE		0x04000000
#define TCR_FP(n)	(((n) & 3U) << 24 | ((n) >> 2 & 0xf) << 13)
#define TCR_FIE		0x00800000
#define TCR_ARE		0x00400000
#define TSR_ENW		0x80000000
#define TSR_WIS		0x40000000
#define TSR_WRS		0x30000000
#define TSR_DIS		0x08000000
#define TSR_FIS		0x04000000

/* Where start.S maps CCSR, and what lies in it */
#define CCSR		0xe0000000
#define UART		(CCSR + 0x4500)
#define MPIC		(CCSR + 0x40000)
#define RSTCR		(CCSR + 0xe00b0)

/* struct frame */
#define FRAME_GPR	8
#define FRAME_LR	(FRAME_GPR + 32 * 4)
#define FRAME_CTR	(FRAME_LR + 4)
#define FRAME_XER	(FRAME_LR + 8)
#define FRAME_CR	(FRAME_LR + 12)
#define FRAME_PC	(FRAME_LR + 16)
#define FRAME_MSR	(FRAME_LR + 20)
#define FRAME_VECTOR	(FRAME_LR + 24)
#define FRAME_SIZE	176

#define VECTOR_NUMBERS	36

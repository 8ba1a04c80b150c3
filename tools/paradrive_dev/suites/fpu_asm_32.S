/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * powerpc/math/fpu_asm.S of the kselftests for 32 bits: it stores and loads 64
 * bits by name, and its frame ends with f31 where the 32-bit ABI keeps LR.
 */

#include "fpu_asm.h"

#undef PUSH_BASIC_STACK
#define PUSH_BASIC_STACK(extra) \
	mflr	r0; \
	stw	r0, STACK_FRAME_LR_POS(%r1); \
	stwu	%r1, -(((extra + 15) & ~15) + STACK_FRAME_MIN_SIZE + 16)(%r1);

#undef POP_BASIC_STACK
#define POP_BASIC_STACK(extra) \
	addi	%r1, %r1, (((extra + 15) & ~15) + STACK_FRAME_MIN_SIZE + 16); \
	lwz	r0, STACK_FRAME_LR_POS(%r1); \
	mtlr	r0;

#define ld	lwz
#define std	stw
#define cmpdi	cmpwi

#include "powerpc/math/fpu_asm.S"

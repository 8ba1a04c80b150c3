# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixed-point logical, rotate and shift instructions (Power ISA 2.06, Book I, 3.3.11 and 3.3.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.isa.arithmetic import compare_with_zero, record
from paradrive.isa.instruction import insn

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context, Operand, Word


def result_to_ra(cpu: Context, i: Any, result: Word) -> None:
    """RA = result, and CR field 0 if the Rc bit asks for it."""
    cpu.gpr[i.rA] = result
    record(cpu, i, result)


@insn("ori rA,rS,UI", "011000 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """OR immediate."""
    cpu.gpr[i.rA] = cpu.gpr[i.rS] | i.UI


@insn("oris rA,rS,UI", "011001 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """OR immediate shifted."""
    cpu.gpr[i.rA] = cpu.gpr[i.rS] | i.UI << 16


@insn("xori rA,rS,UI", "011010 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """XOR immediate."""
    cpu.gpr[i.rA] = cpu.gpr[i.rS] ^ i.UI


@insn("xoris rA,rS,UI", "011011 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """XOR immediate shifted."""
    cpu.gpr[i.rA] = cpu.gpr[i.rS] ^ i.UI << 16


@insn("andi. rA,rS,UI", "011100 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """AND immediate."""
    result = cpu.gpr[i.rS] & i.UI
    cpu.gpr[i.rA] = result
    compare_with_zero(cpu, result)


@insn("andis. rA,rS,UI", "011101 rS:5 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """AND immediate shifted."""
    result = cpu.gpr[i.rS] & i.UI << 16
    cpu.gpr[i.rA] = result
    compare_with_zero(cpu, result)


@insn("and{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0000011100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """AND."""
    result_to_ra(cpu, i, cpu.gpr[i.rS] & cpu.gpr[i.rB])


@insn("andc{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0000111100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """AND with complement."""
    result_to_ra(cpu, i, cpu.gpr[i.rS] & ~cpu.gpr[i.rB])


@insn("or{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0110111100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """OR."""
    result_to_ra(cpu, i, cpu.gpr[i.rS] | cpu.gpr[i.rB])


@insn("orc{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0110011100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """OR with complement."""
    result_to_ra(cpu, i, cpu.gpr[i.rS] | ~cpu.gpr[i.rB])


@insn("xor{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0100111100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """XOR."""
    result_to_ra(cpu, i, cpu.gpr[i.rS] ^ cpu.gpr[i.rB])


@insn("nand{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0111011100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """NAND."""
    result_to_ra(cpu, i, ~(cpu.gpr[i.rS] & cpu.gpr[i.rB]))


@insn("nor{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0001111100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """NOR."""
    result_to_ra(cpu, i, ~(cpu.gpr[i.rS] | cpu.gpr[i.rB]))


@insn("eqv{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0100011100 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Equivalent."""
    result_to_ra(cpu, i, ~(cpu.gpr[i.rS] ^ cpu.gpr[i.rB]))


@insn("extsb{Rc} rA,rS", "011111 rS:5 rA:5 ///// 1110111010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Extend sign byte."""
    result_to_ra(cpu, i, cpu.gpr[i.rS].sign_extend(8))


@insn("extsh{Rc} rA,rS", "011111 rS:5 rA:5 ///// 1110011010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Extend sign halfword."""
    result_to_ra(cpu, i, cpu.gpr[i.rS].sign_extend(16))


@insn("cntlzw{Rc} rA,rS", "011111 rS:5 rA:5 ///// 0000011010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Count leading zeros word."""
    result_to_ra(cpu, i, cpu.gpr[i.rS].leading_zeros())


@insn("rlwinm{Rc} rA,rS,SH,MB,ME", "010101 rS:5 rA:5 SH:5 MB:5 ME:5 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Rotate left word immediate, then AND with mask."""
    result_to_ra(cpu, i, cpu.gpr[i.rS].rotate_left(i.SH) & i.MASK)


@insn("rlwnm{Rc} rA,rS,rB,MB,ME", "010111 rS:5 rA:5 rB:5 MB:5 ME:5 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Rotate left word, then AND with mask."""
    result_to_ra(cpu, i, cpu.gpr[i.rS].rotate_left(cpu.gpr[i.rB] & 31) & i.MASK)


@insn("rlwimi{Rc} rA,rS,SH,MB,ME", "010100 rS:5 rA:5 SH:5 MB:5 ME:5 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Rotate left word immediate, then insert under mask."""
    inserted = cpu.gpr[i.rS].rotate_left(i.SH) & i.MASK
    result_to_ra(cpu, i, inserted | cpu.gpr[i.rA] & ~i.MASK)


@insn("slw{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 0000011000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Shift left word; amounts from 32 to 63 give zero."""
    amount = cpu.gpr[i.rB]
    shifted = cpu.gpr[i.rS] << (amount & 31)
    result_to_ra(cpu, i, (amount & 32).equals(0).select(shifted, 0))


@insn("srw{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 1000011000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Shift right word; amounts from 32 to 63 give zero."""
    amount = cpu.gpr[i.rB]
    shifted = cpu.gpr[i.rS] >> (amount & 31)
    result_to_ra(cpu, i, (amount & 32).equals(0).select(shifted, 0))


def shift_right_algebraic(cpu: Context, i: Any, amount: Operand) -> None:
    """RA = rS >> amount (0 to 31) with the sign shifted in; CA if rS < 0 and a one was shifted out."""
    source = cpu.gpr[i.rS]
    lost = source & ~(cpu.constant(0xFFFFFFFF) << amount)
    cpu.ca = source >> 31 & (lost.equals(0) ^ 1)
    result_to_ra(cpu, i, source.shift_right_signed(amount))


@insn("srawi{Rc} rA,rS,SH", "011111 rS:5 rA:5 SH:5 1100111000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Shift right algebraic word immediate."""
    shift_right_algebraic(cpu, i, i.SH)


@insn("sraw{Rc} rA,rS,rB", "011111 rS:5 rA:5 rB:5 1100011000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Shift right algebraic word; amounts from 32 to 63 give 32 copies of the sign."""
    source, amount = cpu.gpr[i.rS], cpu.gpr[i.rB]
    beyond = amount >> 5 & 1
    sign = source.shift_right_signed(31)
    lost = beyond.select(source, source & ~(cpu.constant(0xFFFFFFFF) << (amount & 31)))
    cpu.ca = sign & 1 & (lost.equals(0) ^ 1)
    result_to_ra(cpu, i, beyond.select(sign, source.shift_right_signed(amount & 31)))

# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixed-point arithmetic and compare instructions (Power ISA 2.06, Book I, 3.3.8 to 3.3.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.isa.instruction import insn

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context, Operand, Word


def record(cpu: Context, i: Any, result: Word) -> None:
    """Set CR field 0 from ``result`` if the Rc bit asks for it."""
    if i.Rc:
        compare_with_zero(cpu, result)


def compare_with_zero(cpu: Context, result: Word) -> None:
    """Set CR field 0: the signed comparison of ``result`` with zero."""
    compare(cpu, 0, result.signed_less(0), cpu.constant(0).signed_less(result), result.equals(0))


def compare(cpu: Context, first_bit: Operand, less: Word, greater: Word, equal: Word) -> None:
    """Set the four bits of a CR field, of which ``first_bit`` is the first."""
    cpu.cr[first_bit] = less
    cpu.cr[first_bit + 1] = greater
    cpu.cr[first_bit + 2] = equal
    cpu.cr[first_bit + 3] = cpu.so


def set_overflow(cpu: Context, overflow: Word) -> None:
    """Set OV, and SO if it is one (Power ISA 3.2.2)."""
    cpu.ov = overflow
    cpu.so = cpu.so | overflow


def add(cpu: Context, i: Any, a: Word, b: Word, carry_in: Operand, *, carry: bool = True) -> None:
    """RT = a + b + carry_in; sets CA if ``carry``, OV if the OE bit asks for it."""
    partial = a + b
    result = partial + carry_in
    cpu.gpr[i.rT] = result
    if carry:
        cpu.ca = partial.unsigned_less(b) | result.unsigned_less(carry_in)
    if i.OE:
        set_overflow(cpu, ((a ^ result) & (b ^ result)) >> 31)
    record(cpu, i, result)


@insn("addi rT,rA,SI", "001110 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Add immediate to (rA|0)."""
    cpu.gpr[i.rT] = cpu.gpr_or_zero(i.rA) + i.SI


@insn("addis rT,rA,SI", "001111 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Add immediate shifted to (rA|0)."""
    cpu.gpr[i.rT] = cpu.gpr_or_zero(i.rA) + (i.SI << 16)


@insn("addic rT,rA,SI", "001100 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Add immediate carrying."""
    result = cpu.gpr[i.rA] + i.SI
    cpu.gpr[i.rT] = result
    cpu.ca = result.unsigned_less(i.SI)


@insn("addic. rT,rA,SI", "001101 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Add immediate carrying and record."""
    result = cpu.gpr[i.rA] + i.SI
    cpu.gpr[i.rT] = result
    cpu.ca = result.unsigned_less(i.SI)
    compare_with_zero(cpu, result)


@insn("subfic rT,rA,SI", "001000 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Subtract from immediate carrying."""
    subtrahend = cpu.gpr[i.rA]
    cpu.gpr[i.rT] = i.SI - subtrahend
    cpu.ca = i.SI.unsigned_less(subtrahend) ^ 1


@insn("add{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 100001010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Add."""
    add(cpu, i, cpu.gpr[i.rA], cpu.gpr[i.rB], 0, carry=False)


@insn("addc{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 000001010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Add carrying."""
    add(cpu, i, cpu.gpr[i.rA], cpu.gpr[i.rB], 0)


@insn("adde{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 010001010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Add extended."""
    add(cpu, i, cpu.gpr[i.rA], cpu.gpr[i.rB], cpu.ca)


@insn("addme{OE}{Rc} rT,rA", "011111 rT:5 rA:5 ///// OE:1 011101010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Add to minus one extended."""
    add(cpu, i, cpu.gpr[i.rA], cpu.constant(0xFFFFFFFF), cpu.ca)


@insn("addze{OE}{Rc} rT,rA", "011111 rT:5 rA:5 ///// OE:1 011001010 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Add to zero extended."""
    add(cpu, i, cpu.gpr[i.rA], cpu.constant(0), cpu.ca)


@insn("subf{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 000101000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Subtract from."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.gpr[i.rB], 1, carry=False)


@insn("subfc{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 000001000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Subtract from carrying."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.gpr[i.rB], 1)


@insn("subfe{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 010001000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Subtract from extended."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.gpr[i.rB], cpu.ca)


@insn("subfme{OE}{Rc} rT,rA", "011111 rT:5 rA:5 ///// OE:1 011101000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Subtract from minus one extended."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.constant(0xFFFFFFFF), cpu.ca)


@insn("subfze{OE}{Rc} rT,rA", "011111 rT:5 rA:5 ///// OE:1 011001000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Subtract from zero extended."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.constant(0), cpu.ca)


@insn("neg{OE}{Rc} rT,rA", "011111 rT:5 rA:5 ///// OE:1 001101000 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Negate."""
    add(cpu, i, ~cpu.gpr[i.rA], cpu.constant(0), 1, carry=False)


@insn("mulli rT,rA,SI", "000111 rT:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Multiply low immediate."""
    cpu.gpr[i.rT] = cpu.gpr[i.rA] * i.SI


@insn("mullw{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 011101011 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Multiply low word; overflow if the product does not fit 32 bits."""
    a, b = cpu.gpr[i.rA], cpu.gpr[i.rB]
    result = a * b
    cpu.gpr[i.rT] = result
    if i.OE:
        fits = a.high_product_signed(b).equals(result.shift_right_signed(31))
        set_overflow(cpu, fits ^ 1)
    record(cpu, i, result)


@insn("mulhw{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 / 001001011 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Multiply high word."""
    result = cpu.gpr[i.rA].high_product_signed(cpu.gpr[i.rB])
    cpu.gpr[i.rT] = result
    record(cpu, i, result)


@insn("mulhwu{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 / 000001011 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Multiply high word unsigned."""
    result = cpu.gpr[i.rA].high_product_unsigned(cpu.gpr[i.rB])
    cpu.gpr[i.rT] = result
    record(cpu, i, result)


@insn("divw{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 111101011 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Divide word. Where the quotient is undefined, the dividend is returned, as QEMU does."""
    dividend, divisor = cpu.gpr[i.rA], cpu.gpr[i.rB]
    overflow = dividend.equals(0x80000000) & divisor.equals(0xFFFFFFFF)
    undefined = divisor.equals(0) | overflow
    result = dividend.quotient_signed(undefined.select(1, divisor))
    cpu.gpr[i.rT] = result
    if i.OE:
        set_overflow(cpu, undefined)
    record(cpu, i, result)


@insn("divwu{OE}{Rc} rT,rA,rB", "011111 rT:5 rA:5 rB:5 OE:1 111001011 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Divide word unsigned. Where the quotient is undefined, the dividend is returned, as QEMU does."""
    dividend, divisor = cpu.gpr[i.rA], cpu.gpr[i.rB]
    undefined = divisor.equals(0)
    result = dividend.quotient_unsigned(undefined.select(1, divisor))
    cpu.gpr[i.rT] = result
    if i.OE:
        set_overflow(cpu, undefined)
    record(cpu, i, result)


def compare_signed(cpu: Context, field: Operand, a: Word, b: Word) -> None:
    """Set CR field ``field`` from the signed comparison."""
    compare(cpu, field * 4, a.signed_less(b), b.signed_less(a), a.equals(b))


def compare_unsigned(cpu: Context, field: Operand, a: Word, b: Word) -> None:
    """Set CR field ``field`` from the unsigned comparison."""
    compare(cpu, field * 4, a.unsigned_less(b), b.unsigned_less(a), a.equals(b))


@insn("cmpwi BF,rA,SI", "001011 BF:3 / 0 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Compare immediate."""
    compare_signed(cpu, i.BF, cpu.gpr[i.rA], i.SI)


@insn("cmplwi BF,rA,UI", "001010 BF:3 / 0 rA:5 UI:16")
def _(cpu: Context, i: Any) -> None:
    """Compare logical immediate."""
    compare_unsigned(cpu, i.BF, cpu.gpr[i.rA], i.UI)


@insn("cmpw BF,rA,rB", "011111 BF:3 / 0 rA:5 rB:5 0000000000 /")
def _(cpu: Context, i: Any) -> None:
    """Compare."""
    compare_signed(cpu, i.BF, cpu.gpr[i.rA], cpu.gpr[i.rB])


@insn("cmplw BF,rA,rB", "011111 BF:3 / 0 rA:5 rB:5 0000100000 /")
def _(cpu: Context, i: Any) -> None:
    """Compare logical."""
    compare_unsigned(cpu, i.BF, cpu.gpr[i.rA], cpu.gpr[i.rB])


@insn("isel rT,rA,rB,BC", "011111 rT:5 rA:5 rB:5 BC:5 01111 /")
def _(cpu: Context, i: Any) -> None:
    """Integer select: (rA|0) if CR bit BC is one, else rB (Power ISA 3.3.10)."""
    cpu.gpr[i.rT] = cpu.cr[i.BC].select(cpu.gpr_or_zero(i.rA), cpu.gpr[i.rB])

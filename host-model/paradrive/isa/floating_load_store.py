# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point loads, stores and moves (Power ISA 2.06, Book I, 4.6.2 to 4.6.5): they look at no value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from paradrive.isa.instruction import E500MC, insn
from paradrive.isa.load_store import four_forms
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.isa.semantics import Context, Word

SIGN = 0x80000000

floating = partial(insn, cores=[E500MC], floating_point=True)


def double_of_single(single: Word) -> Double:
    """Return a single-precision value in double format: DOUBLE(WORD) of 4.6.2."""
    exponent, fraction = single >> 23 & 0xFF, single & 0x7FFFFF
    # Three more bits of exponent: the inverse of its highest for numbers, its copies for infinity and NaN.
    biased_up = exponent.equals(0xFF) | exponent.unsigned_less(0x80) & (exponent.equals(0) ^ 1)
    high = single & 0xC0000000 | biased_up.select(0x38000000, 0) | (single & 0x3FFFFFFF) >> 3

    denormalised = exponent.equals(0) & (fraction.equals(0) ^ 1)
    shift = fraction.leading_zeros() - 8
    normalised = fraction << shift
    exponent_of_normalised = (shift ^ 0xFFFFFFFF) + 898
    high_of_normalised = single & SIGN | exponent_of_normalised << 20 | (normalised & 0x7FFFFF) >> 3
    return Double(
        denormalised.select(high_of_normalised, high),
        denormalised.select(normalised << 29, single << 29),
    )


def single_of_double(value: Double) -> Word:
    """Return a register in single format: SINGLE(FRS) of 4.6.3.

    A magnitude below all single-precision numbers, which the manual leaves open, becomes zero, as on QEMU.
    """
    exponent = value.high >> 20 & 0x7FF
    needs_denormalising = exponent.unsigned_less(897)
    representable = exponent.unsigned_less(874) ^ 1
    significand = (value.high & 0xFFFFF | 0x100000) << 3 | value.low >> 29
    shift = (needs_denormalising & representable).select((exponent ^ 0xFFFFFFFF) + 898, 31)
    return needs_denormalising.select(
        value.high & SIGN | significand >> shift,
        value.high & 0xC0000000 | (value.high << 3 & 0x3FFFFFF8) | value.low >> 29,
    )


def load_single(cpu: Context, i: Any, address: Word) -> None:
    """Load a single-precision value into frT."""
    cpu.fpr[i.frT] = double_of_single(cpu.load(address, 4))


def load_double(cpu: Context, i: Any, address: Word) -> None:
    """Load a double-precision value into frT."""
    cpu.fpr[i.frT] = cpu.load_double(address)


def store_single(cpu: Context, i: Any, address: Word) -> None:
    """Store frS as a single-precision value."""
    cpu.store(address, single_of_double(cpu.fpr[i.frS]), 4)


def store_double(cpu: Context, i: Any, address: Word) -> None:
    """Store frS."""
    cpu.store_double(address, cpu.fpr[i.frS])


four_forms("lfs", "frT", 48, 535, load_single, "Load floating-point single", floating)
four_forms("lfd", "frT", 50, 599, load_double, "Load floating-point double", floating)
four_forms("stfs", "frS", 52, 663, store_single, "Store floating-point single", floating)
four_forms("stfd", "frS", 54, 727, store_double, "Store floating-point double", floating)


@floating("stfiwx frS,rA,rB", "011111 frS:5 rA:5 rB:5 1111010111 /")
def _(cpu: Context, i: Any) -> None:
    """Store floating-point as integer word indexed."""
    cpu.store(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], cpu.fpr[i.frS].low, 4)


def record(cpu: Context, i: Any) -> None:
    """Copy the first four bits of the FPSCR to CR field 1 if the Rc bit asks for it."""
    if i.Rc:
        status = cpu.fpscr
        for bit in range(4):
            cpu.cr[4 + bit] = status >> 31 - bit & 1


def move(mnemonic: str, extended: int, high_word: Callable[[Word], Word], what: str) -> None:
    """Declare a copy of frB to frT whose upper word is changed by ``high_word``."""

    def semantics(cpu: Context, i: Any) -> None:
        source = cpu.fpr[i.frB]
        cpu.fpr[i.frT] = Double(high_word(source.high), source.low)
        record(cpu, i)

    semantics.__doc__ = what
    pattern = f"111111 frT:5 ///// frB:5 {extended:010b} Rc:1"
    floating(mnemonic + "{Rc} frT,frB", pattern)(semantics)


move("fmr", 72, lambda high: high, "Floating move register.")
move("fneg", 40, lambda high: high ^ SIGN, "Floating negate.")
move("fabs", 264, lambda high: high & ~SIGN, "Floating absolute value.")
move("fnabs", 136, lambda high: high | SIGN, "Floating negative absolute value.")

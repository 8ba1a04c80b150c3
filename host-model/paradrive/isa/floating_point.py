# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point arithmetic, rounding, conversion and comparison (Power ISA 2.06, Book I, 4.6.6 to 4.6.9).

What the values come to stands in `ieee754`; here stands what an instruction does with that and the
FPSCR. None of it is compiled, so Python's ``if`` may look at values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from paradrive.isa import ieee754
from paradrive.isa.floating_load_store import floating, record
from paradrive.isa.fpscr import (
    ANY_INVALID,
    ENABLES,
    FI,
    FPCC,
    FPRF,
    FR,
    RN,
    UE,
    VE,
    VXSNAN,
    VXVC,
    ZE,
    ZX,
    enabled,
    raising,
)
from paradrive.isa.ieee754 import DOUBLE, SINGLE, Format, Result
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context, Operand

#: Computes a result from the registers that an instruction names, under the FPSCR.
Operation = Callable[[Any, Any, int], Result]

interpreted = partial(floating, compiled=False)


def bits(cpu: Context, number: Operand) -> int:
    """Return a floating-point register as one int."""
    high, low = cpu.fpr[number]
    return int(high) << 32 | int(low)  # type: ignore[call-overload, no-any-return]


def put(cpu: Context, number: Operand, value: int) -> None:
    """Set a floating-point register."""
    cpu.fpr[number] = Double(cpu.constant(value >> 32), cpu.constant(value & 0xFFFFFFFF))


def status(cpu: Context) -> int:
    """Return the FPSCR as an int."""
    return int(cpu.fpscr)  # type: ignore[call-overload, no-any-return]


def complete(cpu: Context, i: Any, result: Result, classified: int | None) -> None:
    """Finish an instruction: note the exceptions, set frT and FPRF (``classified``; None leaves it).

    An enabled invalid operation or division by zero leaves both as they are (4.4.1, 4.4.2).
    """
    before = status(cpu)
    after = before & ~(FR | FI) | result.incremented * FR | result.inexact * FI
    invalid = result.exceptions & ANY_INVALID and before & VE
    if not invalid and not (result.exceptions & ZX and before & ZE):
        put(cpu, i.frT, result.bits)
        if classified is not None:
            after = after & ~FPRF | classified
    cpu.fpscr = cpu.constant(raising(after, result.exceptions))
    record(cpu, i)
    interrupt_if_enabled(cpu, result.exceptions)


def interrupt_if_enabled(cpu: Context, exceptions: int) -> None:
    """Raise the enabled exception if the FPSCR enables one of ``exceptions``; everything else is done."""
    if enabled(status(cpu) & ENABLES | exceptions):
        cpu.raise_floating_point_enabled()


def arithmetic(syntax: str, pattern: str, what: str, to: Format, compute: Operation) -> None:
    """Declare an instruction whose result is of format ``to``."""

    def semantics(cpu: Context, i: Any) -> None:
        control = status(cpu)
        result = compute(cpu, i, control)
        # An enabled underflow makes normalised numbers of what single precision would denormalise.
        complete(cpu, i, result, ieee754.result_class(result.bits, DOUBLE if control & UE else to))

    semantics.__doc__ = what
    interpreted(syntax, pattern)(semantics)


def both_precisions(mnemonic: str, operands: str, fields: str, what: str, compute: Any) -> None:
    """Declare the double- and the single-precision form of ``compute(cpu, i, to, FPSCR)``."""
    for to, opcode, suffix, precision in ((DOUBLE, "111111", "", ""), (SINGLE, "111011", "s", " single")):

        def operation(cpu: Any, i: Any, control: int, to: Format = to) -> Result:
            result: Result = compute(cpu, i, to, control)
            return result

        syntax = f"{mnemonic}{suffix}{{Rc}} {operands}"
        arithmetic(syntax, f"{opcode} {fields} Rc:1", f"{what}{precision}.", to, operation)


def _add(cpu: Context, i: Any, to: Format, control: int) -> Result:
    return ieee754.add(bits(cpu, i.frA), bits(cpu, i.frB), to, control)


def _subtract(cpu: Context, i: Any, to: Format, control: int) -> Result:
    return ieee754.add(bits(cpu, i.frA), ieee754.negated(bits(cpu, i.frB)), to, control)


def _multiply(cpu: Context, i: Any, to: Format, control: int) -> Result:
    return ieee754.multiply(bits(cpu, i.frA), bits(cpu, i.frC), to, control)


def _divide(cpu: Context, i: Any, to: Format, control: int) -> Result:
    return ieee754.divide(bits(cpu, i.frA), bits(cpu, i.frB), to, control)


def multiplier_adder(*, subtract: bool, negate: bool) -> Callable[[Context, Any, Format, int], Result]:
    """Return frA * frC + frB, or - frB if ``subtract``, rounded and then negated if ``negate``."""

    def compute(cpu: Context, i: Any, to: Format, control: int) -> Result:
        addend = bits(cpu, i.frB)
        if subtract:
            addend = ieee754.negated(addend)
        result = ieee754.multiply_add(bits(cpu, i.frA), bits(cpu, i.frC), addend, to, control)
        return result._replace(bits=ieee754.negated(result.bits)) if negate else result

    return compute


_AB, _AC, _ACB = "frT,frA,frB", "frT,frA,frC", "frT,frA,frC,frB"
both_precisions("fadd", _AB, "frT:5 frA:5 frB:5 ///// 10101", "Floating add", _add)
both_precisions("fsub", _AB, "frT:5 frA:5 frB:5 ///// 10100", "Floating subtract", _subtract)
both_precisions("fmul", _AC, "frT:5 frA:5 ///// frC:5 11001", "Floating multiply", _multiply)
both_precisions("fdiv", _AB, "frT:5 frA:5 frB:5 ///// 10010", "Floating divide", _divide)
for _name, _code, _subtracts, _negates, _what in (
    ("fmadd", "11101", False, False, "Floating multiply-add"),
    ("fmsub", "11100", True, False, "Floating multiply-subtract"),
    ("fnmadd", "11111", False, True, "Floating negative multiply-add"),
    ("fnmsub", "11110", True, True, "Floating negative multiply-subtract"),
):
    _operation = multiplier_adder(subtract=_subtracts, negate=_negates)
    both_precisions(_name, _ACB, f"frT:5 frA:5 frB:5 frC:5 {_code}", _what, _operation)

arithmetic(
    "frsp{Rc} frT,frB",
    "111111 frT:5 ///// frB:5 0000001100 Rc:1",
    "Floating round to single precision.",
    SINGLE,
    lambda cpu, i, control: ieee754.round_number(bits(cpu, i.frB), SINGLE, control),
)
arithmetic(
    "fres{Rc} frT,frB",
    "111011 frT:5 ///// frB:5 ///// 11000 Rc:1",
    "Floating reciprocal estimate single; the estimate is the rounded quotient, as on QEMU.",
    SINGLE,
    lambda cpu, i, control: ieee754.divide(ieee754.ONE, bits(cpu, i.frB), SINGLE, control),
)
arithmetic(
    "frsqrte{Rc} frT,frB",
    "111111 frT:5 ///// frB:5 ///// 11010 Rc:1",
    "Floating reciprocal square root estimate.",
    DOUBLE,
    lambda cpu, i, control: ieee754.reciprocal_square_root(bits(cpu, i.frB), control),
)


def convert_to_integer(cpu: Context, i: Any, mode: int) -> None:
    """Set frT to frB as an integer. FPRF, which is undefined, says NaN for an invalid one, as on QEMU."""
    result = ieee754.to_integer(bits(cpu, i.frB), mode)
    unordered = ieee754.result_class(ieee754.DEFAULT_NAN, DOUBLE)
    complete(cpu, i, result, unordered if result.exceptions & ANY_INVALID else None)


@interpreted("fctiw{Rc} frT,frB", "111111 frT:5 ///// frB:5 0000001110 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Floating convert to integer word."""
    convert_to_integer(cpu, i, status(cpu) & RN)


@interpreted("fctiwz{Rc} frT,frB", "111111 frT:5 ///// frB:5 0000001111 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Floating convert to integer word with round toward zero."""
    convert_to_integer(cpu, i, ieee754.TOWARD_ZERO)


def compare(cpu: Context, i: Any, *, ordered: bool) -> None:
    """Set CR field BF and FPCC from the comparison of frA with frB; a NaN is unordered."""
    a, b = bits(cpu, i.frA), bits(cpu, i.frB)
    value, exceptions = status(cpu), 0
    if ieee754.is_nan(a) or ieee754.is_nan(b):
        condition = 0b0001
        signalling = ieee754.is_signalling(a) or ieee754.is_signalling(b)
        if signalling:
            exceptions = VXSNAN
        if ordered and not (signalling and value & VE):
            exceptions |= VXVC
    else:
        left, right = ieee754.ordinal(a), ieee754.ordinal(b)
        condition = 0b1000 if left < right else 0b0100 if left > right else 0b0010
    for bit in range(4):
        cpu.cr[i.BF * 4 + bit] = condition >> 3 - bit & 1
    cpu.fpscr = cpu.constant(raising(value & ~FPCC | condition << 12, exceptions))
    interrupt_if_enabled(cpu, exceptions)


@interpreted("fcmpu BF,frA,frB", "111111 BF:3 // frA:5 frB:5 0000000000 /")
def _(cpu: Context, i: Any) -> None:
    """Floating compare unordered."""
    compare(cpu, i, ordered=False)


@interpreted("fcmpo BF,frA,frB", "111111 BF:3 // frA:5 frB:5 0000100000 /")
def _(cpu: Context, i: Any) -> None:
    """Floating compare ordered: a quiet NaN is an exception too."""
    compare(cpu, i, ordered=True)


@interpreted("fsel{Rc} frT,frA,frC,frB", "111111 frT:5 frA:5 frB:5 frC:5 10111 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Floating select: frC if frA is zero or greater, else frB; raises nothing."""
    condition = bits(cpu, i.frA)
    chosen = not ieee754.is_nan(condition) and ieee754.ordinal(condition) >= 0
    cpu.fpr[i.frT] = cpu.fpr[i.frC if chosen else i.frB]
    record(cpu, i)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where QEMU and the Power ISA differ in floating-point instructions of the e500mc.

A mismatch can be made of several of these differences; each explains bits of FPSCR, of CR field 1,
which copies FPSCR's first four bits, or a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.isa.decoder import instructions_of
from paradrive.isa.fpscr import FI, FPRF, FR, FX, NI, OE, RN, UE, VE, VXSNAN, VXVC
from paradrive.isa.ieee754 import is_infinite, is_signalling, is_zero
from paradrive.isa.instruction import E500MC
from paradrive_dev.fidelity.difference import Bits, Difference, everything, field
from paradrive_dev.fidelity.program import SIGFPE

if TYPE_CHECKING:
    from paradrive_dev.fidelity.comparison import Mismatch

_CR1, _CR1_FX = 0x0F000000, 0x08000000
#: The bit of FPRF that tells denormalised numbers from normal ones.
_CLASS = 0x00010000
_DIRECTED_ROUNDING = 2
_SIGN = 1 << 63

FLOATING_POINT = tuple(each.mnemonic for each in instructions_of(E500MC) if each.floating_point)
_SINGLE_ARITHMETIC = ("fadds", "fsubs", "fmuls", "fdivs", "fmadds", "fmsubs", "fnmadds", "fnmsubs", "fres")
_NEGATED = ("fnmadd", "fnmadds", "fnmsub", "fnmsubs")
_MULTIPLY_ADD = ("fmadd", "fmadds", "fmsub", "fmsubs", *_NEGATED)


def _status(mismatch: Mismatch) -> tuple[int, int, int]:
    """Return FPSCR before the instruction, and after it on QEMU and on the model; equal where unknown."""
    before = mismatch.case.registers.fpscr
    return before, *mismatch.differences.get("FPSCR", (before, before))


def _fraction_rounded(mismatch: Mismatch) -> Bits:
    before, expected, _ = _status(mismatch)
    return {"FPSCR": FR} if (before ^ expected) & FR == 0 else {}


def _summary_without_change(mismatch: Mismatch) -> Bits:
    _, expected, got = _status(mismatch)
    return {"FPSCR": FX, "CR": _CR1_FX if field(mismatch.case, "Rc") else 0} if expected & ~got & FX else {}


def _summary_of_bit(mismatch: Mismatch) -> Bits:
    _, expected, got = _status(mismatch)
    return {"FPSCR": FX, "CR": _CR1_FX if field(mismatch.case, "Rc") else 0} if got & ~expected & FX else {}


def _inexact_before_comparison(mismatch: Mismatch) -> Bits:
    before, expected, got = _status(mismatch)
    return {"FPSCR": FI} if got & FI == before & FI and not expected & FI else {}


def _unordered_class(mismatch: Mismatch) -> Bits:
    before, expected, got = _status(mismatch)
    return {"FPSCR": _CLASS} if got & _CLASS == before & _CLASS and expected & _CLASS else {}


def _inexact_before_exception(mismatch: Mismatch) -> Bits:
    before, expected, got = _status(mismatch)
    return {"FPSCR": FI} if before & expected & ~got & FI and mismatch.signal == SIGFPE else {}


def _exponent_out_of_single(mismatch: Mismatch) -> Bits:
    return everything(mismatch, bool(mismatch.case.registers.fpscr & (OE | UE)) and mismatch.signal == SIGFPE)


def _reciprocal_of_zero(mismatch: Mismatch) -> Bits:
    operand = mismatch.case.registers.fpr[field(mismatch.case, "frB")]
    return everything(mismatch, operand & ~_SIGN == 0)


def _valid_comparison(mismatch: Mismatch) -> Bits:
    _, expected, _ = _status(mismatch)
    return {"FPSCR": VXVC} if expected & VXSNAN and expected & VE else {}


def _mode_bit(mismatch: Mismatch) -> Bits:
    return {"FPSCR": NI} if 0x80000000 >> field(mismatch.case, "BT") == NI else {}


def _operands(mismatch: Mismatch) -> tuple[int, ...]:
    """Return what frA, frB and frC hold before the instruction."""
    case = mismatch.case
    return tuple(case.registers.fpr[field(case, name)] for name in ("frA", "frB", "frC"))


def _signalling_addend(mismatch: Mismatch) -> Bits:
    a, b, c = _operands(mismatch)
    _, expected, got = _status(mismatch)
    invalid_product = (is_infinite(a) and is_zero(c)) or (is_zero(a) and is_infinite(c))
    return {"FPSCR": VXSNAN & got & ~expected} if invalid_product and is_signalling(b) else {}


def _operand_out_of_single(mismatch: Mismatch) -> Bits:
    return everything(mismatch, mismatch.signal == SIGFPE and not all(map(_is_single, _operands(mismatch))))


def _is_single(value: int) -> bool:
    """Tell whether a number in double format is one of single format, normal or zero."""
    return value & 0x1FFFFFFF == 0 and (value & ~_SIGN == 0 or 897 <= value >> 52 & 0x7FF <= 1150)


def _denormalised_single(mismatch: Mismatch) -> Bits:
    _, expected, got = _status(mismatch)
    return {"FPSCR": _CLASS} if got & ~expected & _CLASS and got & FPRF != 0x11000 else {}


def _record_of_exception(mismatch: Mismatch) -> Bits:
    return {"CR": _CR1} if mismatch.signal == SIGFPE and field(mismatch.case, "Rc") else {}


def _rounded_before_negation(mismatch: Mismatch) -> Bits:
    return everything(mismatch, mismatch.case.registers.fpscr & RN >= _DIRECTED_ROUNDING)


FLOATING_DIFFERENCES = (
    Difference(
        "rounding-of-negated",
        _NEGATED,
        _rounded_before_negation,
        "negates before it rounds, so that rounding towards an infinity goes the wrong way",
        "negates what has been rounded, as the manual says",
        "Power ISA 2.06, Book I, 4.6.6",
    ),
    Difference(
        "signalling-addend",
        _MULTIPLY_ADD,
        _signalling_addend,
        "infinity times zero plus a signalling NaN sets FPSCR[VXIMZ] alone",
        "it sets VXSNAN as well, as a multiplication and then an addition would, as the manual says",
        "Power ISA 2.06, Book I, 4.6.6.2",
    ),
    Difference(
        "fraction-rounded",
        FLOATING_POINT,
        _fraction_rounded,
        "never sets or clears FPSCR[FR]",
        "FR tells whether rounding incremented the fraction, as the manual says",
        "Power ISA 2.06, Book I, 4.2.2",
        "all that round",
    ),
    Difference(
        "exception-summary",
        FLOATING_POINT,
        _summary_without_change,
        "sets FPSCR[FX] for every exception",
        "sets FX only for an exception whose bit was 0 before, as the manual says",
        "Power ISA 2.06, Book I, 4.2.2",
        "all with exceptions",
    ),
    Difference(
        "exception-summary-of-bit",
        ("mtfsb1",),
        _summary_of_bit,
        "does not set FPSCR[FX] with an exception bit",
        "sets it, as the manual says",
        "Power ISA 2.06, Book I, 4.2.2 and 4.6.10",
    ),
    Difference(
        "comparison-keeps-inexact",
        ("fcmpu", "fcmpo"),
        _inexact_before_comparison,
        "clears FPSCR[FI]",
        "comparisons leave FI alone, as the manual says",
        "Power ISA 2.06, Book I, 4.6.8",
    ),
    Difference(
        "comparison-keeps-class",
        ("fcmpo",),
        _unordered_class,
        "sets the class bit of FPSCR[FPRF] with a NaN",
        "comparisons set FPCC and leave the class bit alone, as the manual says",
        "Power ISA 2.06, Book I, 4.6.8",
    ),
    Difference(
        "ordered-comparison-of-signalling",
        ("fcmpo",),
        _valid_comparison,
        "sets FPSCR[VXVC] for a signalling NaN in any case",
        "sets it only while VE is 0, as the manual says",
        "Power ISA 2.06, Book I, 4.6.8",
    ),
    Difference(
        "mode-bit",
        ("mtfsb1",),
        _mode_bit,
        "does not set FPSCR[NI]",
        "sets it, as the manual says; it changes nothing else",
        "Power ISA 2.06, Book I, 4.6.10",
    ),
    Difference(
        "exception-clears-inexact",
        FLOATING_POINT,
        _inexact_before_exception,
        "an enabled invalid operation leaves FPSCR[FI] as it was",
        "it clears FI, as the manual says",
        "Power ISA 2.06, Book I, 4.4.1",
        "all with invalid operations",
    ),
    Difference(
        "exponent-of-rounding",
        ("frsp",),
        _exponent_out_of_single,
        "with overflow or underflow enabled, numbers far outside of single precision become others",
        "the exponent is adjusted by 192, as the manual says",
        "Power ISA 2.06, Book I, 4.4.3 and 4.4.4",
    ),
    Difference(
        "reciprocal-of-zero",
        ("fres",),
        _reciprocal_of_zero,
        "1 / 0 is 0.5",
        "1 / 0 is infinity of the same sign, as the manual says",
        "Power ISA 2.06, Book I, 4.6.6",
    ),
    Difference(
        "class-of-single",
        FLOATING_POINT,
        _denormalised_single,
        "FPSCR[FPRF] calls a denormalised single-precision result normal, as its double format is",
        "calls it denormalised, as the manual says",
        "Power ISA 2.06, Book I, 4.2.2 and Appendix A.1",
        "those that round to single precision",
    ),
    Difference(
        "record-of-exception",
        FLOATING_POINT,
        _record_of_exception,
        "with Rc = 1, CR field 1 stays as it was when an enabled exception is raised",
        "CR field 1 is set before; the manual does not say",
        "Power ISA 2.06, Book I, 4.4",
        "those with Rc",
    ),
    Difference(
        "operand-out-of-single",
        _SINGLE_ARITHMETIC,
        _operand_out_of_single,
        "with an operand that is no number of single format, and an enabled exception, some result",
        "some result; the manual leaves it undefined",
        "Power ISA 2.06, Book I, 4.3.5.1",
        "single-precision arithmetic",
    ),
)

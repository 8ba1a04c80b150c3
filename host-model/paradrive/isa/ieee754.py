# SPDX-License-Identifier: GPL-2.0-or-later
"""IEEE 754 arithmetic as Power ISA 2.06, Book I, chapter 4 defines it, to the last bit.

Operands and results are the 64 bits of floating-point registers, which hold single-precision values
in double format too. Finite operands become integers times a power of two; the exact result is
computed from these (or as much of it as decides the rounding), and rounded once.
"""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

from paradrive.isa.fpscr import (
    OE,
    OX,
    RN,
    UE,
    UX,
    VXCVI,
    VXIDI,
    VXIMZ,
    VXISI,
    VXSNAN,
    VXSQRT,
    VXZDZ,
    XX,
    ZX,
)

SIGN = 1 << 63
INFINITY = 0x7FF << 52
FRACTION = (1 << 52) - 1
QUIET = 1 << 51
DEFAULT_NAN = INFINITY | QUIET
ONE = 0x3FF << 52

NEAREST, TOWARD_ZERO, UPWARD, DOWNWARD = range(4)  # values of FPSCR[RN]


class Format(NamedTuple):
    """A format that results are rounded to.

    ``adjustment`` is what the exponent is lowered by in an enabled overflow, and raised by in an
    enabled underflow (4.4.3, 4.4.4).
    """

    precision: int  # bits of the significand, the implicit one included
    least_exponent: int  # of normalised numbers
    greatest_exponent: int
    adjustment: int


SINGLE = Format(24, -126, 127, 192)
DOUBLE = Format(53, -1022, 1023, 1536)


class Result(NamedTuple):
    """The bits of a result, the FPSCR exceptions that it raises, and what becomes of FR and FI."""

    bits: int
    exceptions: int = 0
    incremented: bool = False
    inexact: bool = False


class Finite(NamedTuple):
    """The number (-1)^sign * significand * 2^exponent; a zero has a sign too."""

    sign: int
    significand: int
    exponent: int


def is_nan(bits: int) -> bool:
    """Tell whether the register holds a NaN."""
    return bits & ~SIGN > INFINITY


def is_signalling(bits: int) -> bool:
    """Tell whether the register holds a signalling NaN."""
    return is_nan(bits) and not bits & QUIET


def negated(bits: int) -> int:
    """Return the value with its sign inverted; a NaN, whose sign arithmetic does not touch, as it is."""
    return bits if is_nan(bits) else bits ^ SIGN


def ordinal(bits: int) -> int:
    """Return an int that compares with that of another register as the values, which are no NaNs, do."""
    return -(bits & ~SIGN) if bits & SIGN else bits


def is_infinite(bits: int) -> bool:
    """Tell whether the register holds an infinity."""
    return bits & ~SIGN == INFINITY


def is_zero(bits: int) -> bool:
    """Tell whether the register holds a zero."""
    return not bits & ~SIGN


def finite(bits: int) -> Finite:
    """Return the number that the register holds, which is neither infinite nor a NaN."""
    biased, fraction = bits >> 52 & 0x7FF, bits & FRACTION
    significand = fraction | 1 << 52 if biased else fraction
    return Finite(bits >> 63, significand, max(biased, 1) - 1075)


def result_class(bits: int, to: Format) -> int:
    """Return FPRF for a result in format ``to`` (4.2.2, figure 'Floating-Point Result Flags')."""
    negative = bits & SIGN
    if is_nan(bits):
        return 0x11000
    if is_infinite(bits):
        return 0x09000 if negative else 0x05000
    if is_zero(bits):
        return 0x12000 if negative else 0x02000
    sign = 0x08000 if negative else 0x04000
    return sign if (bits >> 52 & 0x7FF) - 1023 >= to.least_exponent else sign | 0x10000


def round_to(number: Finite, to: Format, control: int) -> Result:
    """Round to a format under the rounding mode and the enable bits of the FPSCR ``control``."""
    sign, significand, exponent = number
    if not significand:
        return Result(sign << 63)
    exceptions = 0
    leading = exponent + significand.bit_length() - 1
    tiny = leading < to.least_exponent
    if tiny and control & UE:
        exceptions |= UX
        leading, exponent = leading + to.adjustment, exponent + to.adjustment
        unit = leading - (to.precision - 1)
    else:
        unit = max(leading, to.least_exponent) - (to.precision - 1)

    kept, incremented, inexact = _rounded(significand, unit - exponent, sign, control & RN)
    if inexact:
        exceptions |= XX
        if tiny:
            exceptions |= UX
    if kept.bit_length() > to.precision:
        kept, unit = kept >> 1, unit + 1
    if unit + to.precision - 1 > to.greatest_exponent and not tiny:
        if not control & OE:
            return Result(_overflowed(sign, to, control & RN), exceptions | OX | XX, inexact=True)
        exceptions |= OX
        unit -= to.adjustment
    return Result(sign << 63 | _encoded(kept, unit), exceptions, incremented, inexact)


def _rounded(significand: int, dropped: int, sign: int, mode: int) -> tuple[int, bool, bool]:
    """Drop the low ``dropped`` bits of a magnitude; return it, whether it was incremented, and inexact."""
    if dropped <= 0:
        return significand << -dropped, False, False
    kept, rest = significand >> dropped, significand & (1 << dropped) - 1
    if mode == NEAREST:
        half = 1 << dropped - 1
        increment = rest > half or (rest == half and bool(kept & 1))
    else:
        increment = rest > 0 and mode == (DOWNWARD if sign else UPWARD)
    return kept + increment, increment, rest > 0


def _overflowed(sign: int, to: Format, mode: int) -> int:
    """Return the result of a disabled overflow: infinity, or the largest number (4.4.3)."""
    if mode == NEAREST or mode == (DOWNWARD if sign else UPWARD):
        return sign << 63 | INFINITY
    largest = (1 << to.precision) - 1
    return sign << 63 | _encoded(largest, to.greatest_exponent - (to.precision - 1))


def _encoded(significand: int, unit: int) -> int:
    """Return ``significand`` * 2^``unit``, which double format can hold, without a sign.

    Where it cannot, after the adjustment of a single-precision result whose operands were no
    single-precision values, the exponent wraps around: the architecture leaves that open, QEMU does it.
    """
    width = significand.bit_length()
    if not significand or (unit == -1074 and width <= 52):
        return significand
    return (unit + width - 1 + 1023 & 0x7FF) << 52 | significand << 53 - width & FRACTION


def propagated(operands: tuple[int, ...], to: Format) -> Result | None:
    """Return the result if an operand is a NaN: the first of these, made quiet (4.3.2); else None."""
    nans = [operand for operand in operands if is_nan(operand)]
    if not nans:
        return None
    bits = nans[0] | QUIET
    if to is SINGLE:
        bits &= ~0x1FFFFFFF
    return Result(bits, VXSNAN if any(is_signalling(nan) for nan in nans) else 0)


def invalid(exception: int) -> Result:
    """Return the result of an invalid operation without a NaN among its operands."""
    return Result(DEFAULT_NAN, exception)


def round_number(a: int, to: Format, control: int) -> Result:
    """Round ``a`` to the format."""
    return propagated((a,), to) or (Result(a) if is_infinite(a) else round_to(finite(a), to, control))


def add(a: int, b: int, to: Format, control: int) -> Result:
    """Return a + b."""
    nan = propagated((a, b), to)
    if nan:
        return nan
    if is_infinite(a) or is_infinite(b):
        return _infinite_sum(a, b)
    return round_to(_sum(finite(a), finite(b), control), to, control)


def _infinite_sum(a: int, b: int) -> Result:
    if is_infinite(a) and is_infinite(b) and a != b:
        return invalid(VXISI)
    return Result(a if is_infinite(a) else b)


def _sum(a: Finite, b: Finite, control: int) -> Finite:
    """Return the exact sum; one that cancels to zero is negative only when rounding downward (4.3.5)."""
    exponent = min(a.exponent, b.exponent)
    left, right = a.significand << a.exponent - exponent, b.significand << b.exponent - exponent
    total = (-left if a.sign else left) + (-right if b.sign else right)
    if total:
        return Finite(int(total < 0), abs(total), exponent)
    return Finite(a.sign if a.sign == b.sign else int(control & RN == DOWNWARD), 0, exponent)


def multiply(a: int, b: int, to: Format, control: int) -> Result:
    """Return a * b."""
    nan = propagated((a, b), to)
    if nan:
        return nan
    if is_infinite(a) or is_infinite(b):
        return invalid(VXIMZ) if is_zero(a) or is_zero(b) else Result((a ^ b) & SIGN | INFINITY)
    return round_to(_product(finite(a), finite(b)), to, control)


def _product(a: Finite, b: Finite) -> Finite:
    return Finite(a.sign ^ b.sign, a.significand * b.significand, a.exponent + b.exponent)


def multiply_add(a: int, c: int, b: int, to: Format, control: int) -> Result:
    """Return a * c + b, rounded once.

    Infinity times zero is invalid even where ``b`` is a NaN, which then is the result.
    """
    infinite_product = is_infinite(a) or is_infinite(c)
    invalid_product = infinite_product and (is_zero(a) or is_zero(c))
    nan = propagated((a, b, c), to)
    if nan:
        return nan._replace(exceptions=nan.exceptions | VXIMZ) if invalid_product else nan
    if invalid_product:
        return invalid(VXIMZ)
    if infinite_product or is_infinite(b):
        return _infinite_sum((a ^ c) & SIGN | INFINITY if infinite_product else 0, b)
    return round_to(_sum(_product(finite(a), finite(c)), finite(b), control), to, control)


def divide(a: int, b: int, to: Format, control: int) -> Result:
    """Return a / b."""
    nan = propagated((a, b), to)
    if nan:
        return nan
    sign = (a ^ b) & SIGN
    if is_infinite(a):
        return invalid(VXIDI) if is_infinite(b) else Result(sign | INFINITY)
    if is_infinite(b):
        return Result(sign)
    if is_zero(b):
        return invalid(VXZDZ) if is_zero(a) else Result(sign | INFINITY, ZX)
    dividend, divisor = finite(a), finite(b)
    # Both have at most 53 bits: the quotient gets at least 54, and one more that stands for the rest.
    quotient, rest = divmod(dividend.significand << 107, divisor.significand)
    exact = Finite(sign >> 63, quotient << 1 | bool(rest), dividend.exponent - divisor.exponent - 108)
    return round_to(exact, to, control)


def reciprocal_square_root(a: int, control: int) -> Result:
    """Return 1 / sqrt(a) as the estimate of frsqrte: square root and quotient rounded, as QEMU does."""
    nan = propagated((a,), DOUBLE)
    if nan:
        return nan
    if is_zero(a):
        return Result(a | INFINITY, ZX)
    if a & SIGN:
        return invalid(VXSQRT)
    if is_infinite(a):
        return Result(0)
    number = finite(a)
    # The root of an even power of two, with at least 54 bits, and one more that stands for the rest.
    shift = 110 + (number.exponent & 1)
    radicand = number.significand << shift
    root = isqrt(radicand)
    exact = Finite(0, root << 1 | (root * root != radicand), (number.exponent - shift) // 2 - 1)
    rounded = round_to(exact, DOUBLE, control)
    quotient = divide(ONE, rounded.bits, DOUBLE, control)
    return quotient._replace(
        exceptions=rounded.exceptions | quotient.exceptions, inexact=rounded.inexact or quotient.inexact
    )


def to_integer(a: int, mode: int) -> Result:
    """Convert to a signed 32-bit integer; what does not fit becomes the nearest that does (4.6.7).

    The upper half of the register is undefined; QEMU extends the sign into it, except for a NaN.
    """
    if is_nan(a):
        return Result(0x80000000, VXCVI | (VXSNAN if is_signalling(a) else 0))
    sign, magnitude, incremented, inexact = a >> 63, 1 << 32, False, False
    # Beyond 2^32 the exact value does not matter.
    if a & ~SIGN < 0x41F << 52:
        _, significand, exponent = finite(a)
        magnitude, incremented, inexact = _rounded(significand, -exponent, sign, mode)
    value = -magnitude if sign else magnitude
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        return Result(0xFFFFFFFF80000000 if sign else 0x7FFFFFFF, VXCVI)
    return Result(value & 0xFFFFFFFFFFFFFFFF, XX if inexact else 0, incremented, inexact)

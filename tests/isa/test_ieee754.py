# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point results against exact fractions, and against what the host makes of the same operands."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from paradrive.isa import ieee754
from paradrive.isa.fpscr import OX, UX, XX
from paradrive.isa.ieee754 import DOUBLE, DOWNWARD, NEAREST, SINGLE, TOWARD_ZERO, UPWARD, Result

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATABLE = settings(derandomize=True, deadline=None, database=None, max_examples=150)
MODES = st.sampled_from([NEAREST, TOWARD_ZERO, UPWARD, DOWNWARD])
LARGEST_SINGLE, LEAST_SINGLE = 2.0**128 - 2.0**104, 2.0**-149


def bits(value: float) -> int:
    number: int = struct.unpack(">Q", struct.pack(">d", value))[0]
    return number


def value(register: int) -> float:
    number: float = struct.unpack(">d", struct.pack(">Q", register))[0]
    return number


#: All magnitudes are equally likely, denormalised numbers among them.
doubles = st.integers(0, 2**64 - 1).map(value).filter(math.isfinite)
singles = st.floats(allow_nan=False, allow_infinity=False, width=32)
near = st.integers(-64, 64).map(float) | st.floats(-4, 4)
numbers = doubles | near


def nearest_double(exact: Fraction) -> float:
    """Return the nearest double; Python's division of integers is correctly rounded."""
    try:
        return exact.numerator / exact.denominator
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def check_double(exact: Fraction, result: Result, mode: int) -> None:
    """Hold a result, FR and FI against the exact value: it must be next to it, on the side ``mode`` says."""
    rounded = value(result.bits)
    assume(exact != 0)
    if mode == NEAREST:
        assert rounded == nearest_double(exact)
    if math.isinf(rounded):
        assert result.exceptions == OX | XX
        return
    difference = Fraction(rounded) - exact
    if mode != NEAREST and difference:
        upward = mode == UPWARD or (mode == TOWARD_ZERO and exact < 0)
        assert upward is (difference > 0)
        other = math.nextafter(rounded, -math.inf if upward else math.inf)
        if math.isfinite(other):
            assert (Fraction(other) - exact) * difference < 0
    overflows = bool(result.exceptions & OX)
    assert result.inexact is (difference != 0)
    assert bool(result.exceptions & XX) is result.inexact
    assert overflows or result.incremented is (abs(Fraction(rounded)) > abs(exact))
    assert bool(result.exceptions & UX) is (result.inexact and abs(exact) < Fraction(2) ** -1022)


@REPEATABLE
@given(mode=MODES, a=numbers, b=numbers)
@example(mode=NEAREST, a=1.0, b=2.0**-53)
@example(mode=TOWARD_ZERO, a=1.7976931348623157e308, b=1e292)
def test_sum_and_difference_are_rounded_from_the_exact_ones(mode: int, a: float, b: float) -> None:
    exact = Fraction(a) + Fraction(b)
    check_double(exact, ieee754.add(bits(a), bits(b), DOUBLE, mode), mode)


@REPEATABLE
@given(mode=MODES, a=numbers, b=numbers)
@example(mode=NEAREST, a=2.0**-600, b=1.5 * 2.0**-474)
@example(mode=NEAREST, a=2.0**-511, b=(2 - 2.0**-52) * 2.0**-512)
def test_product_is_rounded_from_the_exact_one(mode: int, a: float, b: float) -> None:
    exact = Fraction(a) * Fraction(b)
    check_double(exact, ieee754.multiply(bits(a), bits(b), DOUBLE, mode), mode)


@REPEATABLE
@given(mode=MODES, a=numbers, b=numbers)
@example(mode=NEAREST, a=1.0, b=3.0)
@example(mode=NEAREST, a=5e-324, b=3.0)
def test_quotient_is_rounded_from_the_exact_one(mode: int, a: float, b: float) -> None:
    assume(b)
    exact = Fraction(a) / Fraction(b)
    check_double(exact, ieee754.divide(bits(a), bits(b), DOUBLE, mode), mode)


@REPEATABLE
@given(mode=MODES, a=numbers, c=numbers, b=numbers)
@example(mode=NEAREST, a=1 + 2.0**-52, c=1 - 2.0**-52, b=-1.0)
def test_multiply_add_is_rounded_once(mode: int, a: float, c: float, b: float) -> None:
    exact = Fraction(a) * Fraction(c) + Fraction(b)
    check_double(exact, ieee754.multiply_add(bits(a), bits(c), bits(b), DOUBLE, mode), mode)


def as_single(number: float) -> float:
    try:
        rounded: float = struct.unpack(">f", struct.pack(">f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return rounded


@REPEATABLE
@given(a=numbers | singles)
@example(a=2.0**-150)
@example(a=LEAST_SINGLE * 1.5)
@example(a=LARGEST_SINGLE + 2.0**103)
def test_rounding_to_single_is_that_of_the_host(a: float) -> None:
    result = ieee754.round_number(bits(a), SINGLE, NEAREST)
    assert bits(as_single(a)) == result.bits
    assert result.inexact is (as_single(a) != a)


@pytest.mark.parametrize(
    ("operate", "exactly"),
    [
        (ieee754.add, lambda a, b: a + b),
        (ieee754.multiply, lambda a, b: a * b),
        (ieee754.divide, lambda a, b: a / b),
    ],
    ids=["add", "multiply", "divide"],
)
@REPEATABLE
@given(a=singles, b=singles)
def test_single_precision_results_are_those_of_the_host(
    operate: Callable[..., Result], exactly: Callable[[float, float], float], a: float, b: float
) -> None:
    # Double precision has enough bits for its second rounding, to single precision, to be harmless.
    assume(b)
    expected = as_single(exactly(a, b))
    assert operate(bits(a), bits(b), SINGLE, NEAREST).bits == bits(expected)


@REPEATABLE
@given(mode=MODES, a=st.floats(-(2.0**33), 2.0**33) | near | numbers)
@example(mode=NEAREST, a=2147483647.5)
@example(mode=NEAREST, a=-2147483648.5)
@example(mode=NEAREST, a=0.5)
@example(mode=NEAREST, a=2.5)
def test_conversion_to_integer_rounds_and_saturates(mode: int, a: float) -> None:
    exact = Fraction(a)
    rounded = {NEAREST: round, TOWARD_ZERO: math.trunc, UPWARD: math.ceil, DOWNWARD: math.floor}[mode](exact)
    result = ieee754.to_integer(bits(a), mode)
    saturated = max(-(2**31), min(2**31 - 1, rounded))
    assert result.bits & 0xFFFFFFFF == saturated & 0xFFFFFFFF
    if rounded == saturated:
        assert result.inexact is (rounded != exact)
        assert result.incremented is (abs(rounded) > abs(exact))


@REPEATABLE
@given(a=doubles | near)
def test_reciprocal_square_root_is_a_good_estimate(a: float) -> None:
    assume(a > 0)
    assert value(ieee754.reciprocal_square_root(bits(a), NEAREST).bits) == pytest.approx(
        1 / math.sqrt(a), rel=2**-50
    )

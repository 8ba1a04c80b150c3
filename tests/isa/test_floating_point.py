# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point instructions of the e500mc: results, FPSCR, CR, interrupts (Power ISA 2.06, 4)."""

from __future__ import annotations

import pytest
from floating_core import OLD, bits, compute, e500mc

from bare_core import ENGINES, BareCore
from paradrive.isa.fpscr import (
    FEX,
    FI,
    FR,
    FX,
    OE,
    OX,
    UE,
    UX,
    VE,
    VX,
    VXCVI,
    VXIDI,
    VXIMZ,
    VXISI,
    VXSNAN,
    VXSQRT,
    VXVC,
    VXZDZ,
    XE,
    XX,
    ZE,
    ZX,
)

NEAREST, TOWARD_ZERO, UPWARD, DOWNWARD = range(4)

# Classes of results: FPRF in its place.
QUIET_NAN, MINUS_INFINITY, MINUS, MINUS_DENORMAL, MINUS_ZERO = 0x11000, 0x9000, 0x8000, 0x18000, 0x12000
PLUS_ZERO, PLUS_DENORMAL, PLUS, PLUS_INFINITY = 0x2000, 0x14000, 0x4000, 0x5000

INF, HUGE, TINY = float("inf"), 1.7976931348623157e308, 2.0**-1022
DEFAULT_NAN, SNAN = 0x7FF8 << 48, 0x7FF0 << 48 | 0x789
QNAN, QNAN2 = 0xFFF8 << 48 | 0x123, 0x7FF8 << 48 | 0x456
INEXACT = FX | XX | FI


@pytest.fixture(scope="module")
def shared() -> BareCore:
    return e500mc()


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "c", "result", "status"),
    [
        ("fadd", 1.5, 2.25, 0.0, 3.75, PLUS),
        ("fadd", 1.0, -1.0, 0.0, 0.0, PLUS_ZERO),
        ("fadd", -0.0, -0.0, 0.0, -0.0, MINUS_ZERO),
        ("fadd", TINY, -TINY * 1.5, 0.0, -TINY / 2, MINUS_DENORMAL),
        ("fadd", 1.0, 2.0**-53, 0.0, 1.0, INEXACT | PLUS),
        ("fadd", 1.0, 2.0**-53 * 1.5, 0.0, 1.0 + 2.0**-52, INEXACT | FR | PLUS),
        ("fadd", HUGE, HUGE, 0.0, INF, FX | OX | XX | FI | PLUS_INFINITY),
        ("fsub", INF, -INF, 0.0, INF, PLUS_INFINITY),
        ("fsub", INF, INF, 0.0, DEFAULT_NAN, FX | VX | VXISI | QUIET_NAN),
        ("fmul", -3.0, 0.0, 0.5, -1.5, MINUS),
        ("fmul", -INF, 0.0, 2.0, -INF, MINUS_INFINITY),
        ("fmul", 0.0, 0.0, INF, DEFAULT_NAN, FX | VX | VXIMZ | QUIET_NAN),
        ("fmul", TINY, 0.0, 2.0**-60, 0.0, FX | UX | XX | FI | PLUS_ZERO),
        ("fmul", TINY, 0.0, 0.5, TINY / 2, PLUS_DENORMAL),
        ("fdiv", 1.0, -0.0, 0.0, -INF, FX | ZX | MINUS_INFINITY),
        ("fdiv", 0.0, 0.0, 0.0, DEFAULT_NAN, FX | VX | VXZDZ | QUIET_NAN),
        ("fdiv", INF, INF, 0.0, DEFAULT_NAN, FX | VX | VXIDI | QUIET_NAN),
        ("fdiv", 1.0, INF, 0.0, 0.0, PLUS_ZERO),
        ("fdivs", 1.0, 3.0, 0.0, 0.3333333432674408, INEXACT | FR | PLUS),
        ("fmuls", 2.0**-100, 0.0, 2.0**-40, 2.0**-140, PLUS_DENORMAL),
        ("fmuls", 2.0**100, 0.0, 2.0**100, INF, FX | OX | XX | FI | PLUS_INFINITY),
        ("fmadd", 3.0, 1.0, 2.0, 7.0, PLUS),
        ("fmsub", 3.0, 1.0, 2.0, 5.0, PLUS),
        ("fnmadd", 3.0, 1.0, 2.0, -7.0, MINUS),
        ("fnmsub", 3.0, 1.0, 2.0, -5.0, MINUS),
        ("fnmsub", 1.0, 1.0, 1.0, -0.0, MINUS_ZERO),
        ("fmsub", 1 + 2.0**-52, 1.0, 1 - 2.0**-52, -(2.0**-104), MINUS),
        ("fmadd", INF, -INF, 1.0, DEFAULT_NAN, FX | VX | VXISI | QUIET_NAN),
        ("frsp", 0.0, 0.1, 0.0, 0.10000000149011612, INEXACT | FR | PLUS),
        ("frsp", 0.0, 2.0**-140, 0.0, 2.0**-140, PLUS_DENORMAL),
        ("fres", 0.0, 4.0, 0.0, 0.25, PLUS),
        ("fres", 0.0, -0.0, 0.0, -INF, FX | ZX | MINUS_INFINITY),
        ("frsqrte", 0.0, 4.0, 0.0, 0.5, PLUS),
        # The root is rounded, or the quotient, and the other one is exact.
        ("frsqrte", 0.0, 1 + 2.0**-52, 0.0, 1.0, INEXACT | PLUS),
        ("frsqrte", 0.0, 9.0, 0.0, 0.3333333333333333, INEXACT | PLUS),
        ("frsqrte", 0.0, -0.0, 0.0, -INF, FX | ZX | MINUS_INFINITY),
        ("frsqrte", 0.0, INF, 0.0, 0.0, PLUS_ZERO),
        ("frsqrte", 0.0, -4.0, 0.0, DEFAULT_NAN, FX | VX | VXSQRT | QUIET_NAN),
    ],
)
def test_result_and_status_of_arithmetic(
    shared: BareCore, mnemonic: str, a: float, b: float, c: float, result: float, status: int
) -> None:
    found, fpscr = compute(shared, mnemonic, a, b, c)
    assert (hex(found), hex(fpscr)) == (hex(bits(result)), hex(status))


@pytest.mark.parametrize(
    ("mode", "positive", "negative"),
    [
        (NEAREST, 1.0, -1.0),
        (TOWARD_ZERO, 1.0, -1.0),
        (UPWARD, 1.0 + 2.0**-52, -1.0),
        (DOWNWARD, 1.0, -1.0 - 2.0**-52),
    ],
)
def test_rounding_mode_decides_which_neighbour_is_taken(
    shared: BareCore, mode: int, positive: float, negative: float
) -> None:
    for sign, expected in ((1.0, positive), (-1.0, negative)):
        result, fpscr = compute(shared, "fadd", sign, sign * 2.0**-60, fpscr=mode)
        assert result == bits(expected)
        assert bool(fpscr & FR) is (abs(expected) > 1.0)


@pytest.mark.parametrize(
    ("mode", "positive", "negative"), [(1, HUGE, -HUGE), (2, INF, -HUGE), (3, HUGE, -INF)]
)
def test_overflow_gives_infinity_or_the_largest_number(
    shared: BareCore, mode: int, positive: float, negative: float
) -> None:
    assert compute(shared, "fmul", HUGE, 0.0, 2.0, fpscr=mode)[0] == bits(positive)
    assert compute(shared, "fmul", HUGE, 0.0, -2.0, fpscr=mode)[0] == bits(negative)


def test_sum_that_cancels_is_negative_only_when_rounding_downward(shared: BareCore) -> None:
    signs = [compute(shared, "fsub", 5.0, 5.0, fpscr=mode)[0] >> 63 for mode in range(4)]
    assert signs == [0, 0, 0, 1]


@pytest.mark.parametrize("mode", [UPWARD, DOWNWARD])
def test_negative_multiply_add_negates_after_rounding(shared: BareCore, mode: int) -> None:
    plain, _ = compute(shared, "fmadd", 1.0, 2.0**-60, 1.0, fpscr=mode)
    negated, _ = compute(shared, "fnmadd", 1.0, 2.0**-60, 1.0, fpscr=mode)
    assert negated == plain | 1 << 63


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "c", "result", "exceptions"),
    [
        ("fadd", 1.0, QNAN, 0.0, QNAN, 0),
        ("fadd", QNAN2, QNAN, 0.0, QNAN2, 0),
        ("fadd", QNAN, SNAN, 0.0, QNAN, VXSNAN),
        ("fadd", SNAN, QNAN, 0.0, SNAN | 1 << 51, VXSNAN),
        ("fadds", 1.0, QNAN | 7 << 29, 0.0, QNAN & ~0xFFF | 7 << 29, 0),
        ("fmadd", 1.0, QNAN, QNAN2, QNAN, 0),
        ("fmadd", INF, QNAN, 0.0, QNAN, VXIMZ),
        ("fmadd", INF, SNAN, 0.0, SNAN | 1 << 51, VXIMZ | VXSNAN),
        ("fnmadd", 1.0, QNAN, 1.0, QNAN, 0),
        ("fmsub", 1.0, QNAN, 1.0, QNAN, 0),
        ("frsp", 0.0, SNAN | 7 << 29, 0.0, (SNAN | 1 << 51) & ~0xFFF | 7 << 29, VXSNAN),
    ],
)
def test_first_nan_is_the_result_made_quiet(
    shared: BareCore, mnemonic: str, a: float, b: float, c: float, result: int, exceptions: int
) -> None:
    found, fpscr = compute(shared, mnemonic, a, b, c)
    status = FX | VX | exceptions if exceptions else 0
    assert (hex(found), hex(fpscr)) == (hex(result), hex(status | QUIET_NAN))


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "c", "enable", "exceptions"),
    [
        ("fadd", INF, -INF, 0.0, VE, VXISI),
        ("fmul", SNAN, 0.0, 1.0, VE, VXSNAN),
        ("fctiw", 0.0, 1e10, 0.0, VE, VXCVI),
        ("frsqrte", 0.0, -1.0, 0.0, VE, VXSQRT),
        ("fdiv", 1.0, 0.0, 0.0, ZE, ZX),
    ],
)
def test_enabled_invalid_operation_and_zero_divide_leave_the_target_alone(
    shared: BareCore, mnemonic: str, a: float, b: float, c: float, enable: int, exceptions: int
) -> None:
    result, fpscr = compute(shared, mnemonic, a, b, c, fpscr=enable | MINUS | FR | FI)
    invalid = VX if enable == VE else 0
    assert (result, hex(fpscr)) == (OLD, hex(FX | FEX | invalid | exceptions | enable | MINUS))


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "c", "enable", "result", "status"),
    [
        ("fmul", 2.0**1000, 0.0, 2.0**1000, OE, 2.0 ** (2000 - 1536), OX | PLUS),
        ("fmul", -(2.0**-1000), 0.0, 2.0**-1000, UE, -(2.0 ** (1536 - 2000)), UX | MINUS),
        ("fmuls", 2.0**100, 0.0, 2.0**100, OE, 2.0 ** (200 - 192), OX | PLUS),
        ("fmuls", 2.0**-100, 0.0, 2.0**-100, UE, 2.0 ** (192 - 200), UX | PLUS),
        ("frsp", 0.0, 2.0**1000, 0.0, OE, 2.0 ** (1000 - 192), OX | PLUS),
        ("frsp", 0.0, 2.0**-1074, 0.0, UE, 2.0 ** (192 - 1074), UX | PLUS),
        ("fadd", 1.0, 2.0**-60, 0.0, XE, 1.0, XX | FI | PLUS),
    ],
)
def test_enabled_overflow_and_underflow_adjust_the_exponent(
    shared: BareCore, mnemonic: str, a: float, b: float, c: float, enable: int, result: float, status: int
) -> None:
    found, fpscr = compute(shared, mnemonic, a, b, c, fpscr=enable)
    assert (hex(found), hex(fpscr)) == (hex(bits(result)), hex(FX | FEX | enable | status))


def test_exception_summary_is_set_only_by_bits_that_change(shared: BareCore) -> None:
    assert compute(shared, "fadd", 1.0, 2.0**-60, fpscr=XX)[1] == XX | FI | PLUS
    assert compute(shared, "fadd", 1.0, 2.0, fpscr=FX | XX | FI | FR)[1] == FX | XX | PLUS


@pytest.mark.parametrize(
    ("mnemonic", "value", "mode", "result", "status"),
    [
        ("fctiw", 2.5, NEAREST, 2, INEXACT),
        ("fctiw", 3.5, NEAREST, 4, INEXACT | FR),
        ("fctiw", -2.5, DOWNWARD, -3, INEXACT | FR),
        ("fctiwz", -2.5, DOWNWARD, -2, INEXACT),
        ("fctiw", -0.0, NEAREST, 0, 0),
        ("fctiwz", 2147483647.9, UPWARD, 2**31 - 1, INEXACT),
        ("fctiw", 2147483647.5, NEAREST, 2**31 - 1, FX | VX | VXCVI),
        ("fctiw", -2147483648.5, NEAREST, -(2**31), INEXACT),
        ("fctiw", -INF, NEAREST, -(2**31), FX | VX | VXCVI),
        ("fctiwz", SNAN, NEAREST, -(2**31), FX | VX | VXCVI | VXSNAN),
    ],
)
def test_conversion_to_integer(
    shared: BareCore, mnemonic: str, value: float, mode: int, result: int, status: int
) -> None:
    found, fpscr = compute(shared, mnemonic, 0.0, value, fpscr=mode)
    # The upper half and FPRF are undefined.
    assert (hex(found & 0xFFFFFFFF), hex(fpscr & ~0x1F003)) == (hex(result & 0xFFFFFFFF), hex(status))


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "fpscr", "condition", "status"),
    [
        ("fcmpu", 1.0, 2.0, 0, 8, 0),
        ("fcmpu", 1.0, -2.0, FI | FR | 0x10000, 4, FI | FR | 0x10000),
        ("fcmpu", 0.0, -0.0, 0, 2, 0),
        ("fcmpu", -INF, -HUGE, 0, 8, 0),
        ("fcmpu", 1.0, QNAN, 0, 1, 0),
        ("fcmpu", 1.0, SNAN, 0, 1, FX | VX | VXSNAN),
        ("fcmpo", 1.0, QNAN, 0, 1, FX | VX | VXVC),
        ("fcmpo", 1.0, SNAN, 0, 1, FX | VX | VXSNAN | VXVC),
        ("fcmpo", 1.0, SNAN, VE, 1, FX | FEX | VX | VXSNAN | VE),
        ("fcmpo", -1.0, -2.0, 0, 4, 0),
    ],
)
def test_comparison(
    shared: BareCore, mnemonic: str, a: float, b: float, fpscr: int, condition: int, status: int
) -> None:
    _, found = compute(shared, mnemonic, a, b, fpscr=fpscr, BF=6, frA=2, frB=3)
    assert hex(found) == hex(status | condition << 12)
    assert shared.state.condition_register() >> 4 & 15 == condition


@pytest.mark.parametrize("condition", [0.0, -0.0, 1.0, INF, -1.0, -INF, QNAN, SNAN])
def test_select_takes_the_first_for_zero_and_above(shared: BareCore, condition: float) -> None:
    result, fpscr = compute(shared, "fsel", condition, 1.0, 2.0)
    assert (result, fpscr) == (bits(2.0 if condition in (0.0, 1.0, INF) else 1.0), 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_moves_change_the_sign_of_anything_and_raise_nothing(engine: str) -> None:
    core = e500mc(engine)
    for operand in (1.0, -0.0, SNAN, QNAN):
        pattern, sign = bits(operand), 1 << 63
        expected = {"fmr": pattern, "fneg": pattern ^ sign, "fabs": pattern & ~sign, "fnabs": pattern | sign}
        for mnemonic, result in expected.items():
            assert compute(core, mnemonic, 0.0, operand) == (result, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_record_forms_copy_the_exception_summary(engine: str) -> None:
    core = e500mc(engine)
    core.state.cr[:] = bytes(32)
    compute(core, "fmr", 0.0, 1.0, fpscr=FX | VX | VXISI, frT=1, frB=3, Rc=1)
    assert core.state.condition_register() == 0x0A000000
    compute(core, "fdiv", 1.0, 0.0, fpscr=ZE, frT=1, frA=2, frB=3, Rc=1)
    assert core.state.condition_register() == 0x0C000000

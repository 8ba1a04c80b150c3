# SPDX-License-Identifier: GPL-2.0-or-later
"""Carry, overflow and comparison where they are easy to get wrong (Power ISA 2.06, 3.3.8 to 3.3.10)."""

from __future__ import annotations

import pytest

from bare_core import BareCore, insn

MAX, MIN, ONES = 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF
SO, OV, CA = 0x80000000, 0x40000000, 0x20000000
LT, GT, EQ, SUMMARY = 8, 4, 2, 1


def compute(
    core: BareCore, mnemonic: str, a: int, b: int = 0, xer: int = 0, **fields: int
) -> tuple[int, int]:
    """Execute ``mnemonic rT=r3,rA=r4,rB=r5`` and return (result, XER)."""
    core.gpr[4], core.gpr[5], core.state.xer = a, b, xer
    known = {"rA": 4, "rB": 5} if "SI" not in fields and mnemonic not in UNARY else {"rA": 4}
    core.execute(insn(mnemonic, rT=3, **known, **fields))
    return core.gpr[3], core.state.xer


UNARY = {"addme", "addze", "subfme", "subfze", "neg"}


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "xer", "result", "xer_after"),
    [
        ("addc", ONES, 1, 0, 0, CA),
        ("addc", ONES, 0, CA, ONES, 0),
        ("adde", ONES, 0, CA, 0, CA),
        ("adde", ONES, ONES, CA, ONES, CA),
        ("adde", ONES, ONES, 0, ONES - 1, CA),
        ("adde", 0, ONES, 0, ONES, 0),
        ("add", ONES, 1, CA, 0, CA),  # leaves CA alone
        ("addme", 0, 0, 0, ONES, 0),
        ("addme", 0, 0, CA, 0, CA),
        ("addme", 1, 0, 0, 0, CA),
        ("addme", MIN, 0, CA, MIN, CA),
        ("addze", ONES, 0, CA, 0, CA),
        ("addze", ONES, 0, 0, ONES, 0),
        ("subf", 1, 0, CA, ONES, CA),
        ("subfc", 0, 0, 0, 0, CA),
        ("subfc", 1, 0, CA, ONES, 0),
        ("subfc", MIN, MIN, 0, 0, CA),
        ("subfe", 0, 0, 0, ONES, 0),
        ("subfe", 0, 0, CA, 0, CA),
        ("subfe", ONES, ONES, 0, ONES, 0),
        ("subfze", 0, 0, CA, 0, CA),
        ("subfze", 0, 0, 0, ONES, 0),
        ("subfze", 1, 0, CA, ONES, 0),
        ("subfme", ONES, 0, 0, ONES, 0),
        ("subfme", ONES, 0, CA, 0, CA),
        ("subfme", 0, 0, 0, ONES - 1, CA),
        ("mulhw", MIN, MIN, 0, 0x40000000, 0),
        ("mulhw", ONES, ONES, 0, 0, 0),
        ("mulhwu", ONES, ONES, 0, ONES - 1, 0),
        ("mullw", MIN, ONES, 0, MIN, 0),
        ("divw", 7, 0xFFFFFFFE, 0, 0xFFFFFFFD, 0),  # 7 / -2 = -3
        ("divw", 0xFFFFFFF9, 2, 0, 0xFFFFFFFD, 0),
        ("divwu", ONES, 2, 0, MAX, 0),
    ],
)
def test_result_and_carry(
    core: BareCore, mnemonic: str, a: int, b: int, xer: int, result: int, xer_after: int
) -> None:
    assert compute(core, mnemonic, a, b, xer) == (result, xer_after)


@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "xer", "overflows"),
    [
        ("add", MAX, 1, 0, True),
        ("add", MIN, ONES, 0, True),
        ("add", ONES, 1, 0, False),
        ("addc", MAX, MAX, 0, True),
        ("adde", MAX, 0, CA, True),
        ("addme", MIN, 0, 0, True),
        ("addme", MIN, 0, CA, False),
        ("addze", MAX, 0, CA, True),
        ("subf", 1, MIN, 0, True),
        ("subf", MIN, 0, 0, True),
        ("subf", MIN, MIN, 0, False),
        ("subfe", MAX, MIN, 0, True),
        ("subfme", MAX, 0, 0, True),
        ("subfze", MIN, 0, CA, True),
        ("neg", MIN, 0, 0, True),
        ("neg", MAX, 0, 0, False),
        ("mullw", 0x10000, 0x8000, 0, True),
        ("mullw", 0x10000, 0x7FFF, 0, False),
        ("mullw", MIN, ONES, 0, True),
        ("mullw", 0xFFFF0000, 0x8000, 0, False),  # -65536 * 32768 = -2^31
        ("divw", MIN, ONES, 0, True),
        ("divw", 1, 0, 0, True),
        ("divw", MIN, 1, 0, False),
        ("divwu", 1, 0, 0, True),
        ("divwu", MIN, ONES, 0, False),
    ],
)
def test_overflow_is_summed_up_and_recorded(
    core: BareCore, mnemonic: str, a: int, b: int, xer: int, overflows: bool
) -> None:
    _result, after = compute(core, mnemonic, a, b, xer, OE=1, Rc=1)
    assert after & (SO | OV) == (SO | OV if overflows else 0)
    assert core.state.cr[3] == overflows
    # An instruction without overflow clears OV and leaves SO.
    _result, after = compute(core, "add", 1, 1, after, OE=1)
    assert after & (SO | OV) == (SO if overflows else 0)


def test_overflow_is_left_alone_without_oe(core: BareCore) -> None:
    assert compute(core, "add", MAX, 1, SO | OV) == (MIN, SO | OV)
    assert compute(core, "add", MAX, 1, 0) == (MIN, 0)


@pytest.mark.parametrize(
    ("mnemonic", "a", "immediate", "result", "xer_after"),
    [
        ("addic", ONES, 1, 0, CA),
        ("addic", 0, -1, ONES, 0),
        ("addic", 1, -1, 0, CA),
        ("addic.", MIN, -1, MAX, CA),
        ("subfic", 0, 0, 0, CA),
        ("subfic", 1, 0, ONES, 0),
        ("subfic", ONES, -1, 0, CA),
        ("mulli", ONES, -3, 3, 0),
    ],
)
def test_immediates_are_signed(
    core: BareCore, mnemonic: str, a: int, immediate: int, result: int, xer_after: int
) -> None:
    assert compute(core, mnemonic, a, SI=immediate) == (result, xer_after)


@pytest.mark.parametrize("mnemonic", ["addi", "addis"])
def test_base_zero_of_addi_is_the_number_zero(core: BareCore, mnemonic: str) -> None:
    core.gpr[0] = 0x1234
    core.execute(insn(mnemonic, rT=3, rA=0, SI=-2))
    assert core.gpr[3] == {"addi": 0xFFFFFFFE, "addis": 0xFFFE0000}[mnemonic]


@pytest.mark.parametrize(
    ("result", "xer", "field"),
    [(MIN, 0, LT), (1, 0, GT), (0, 0, EQ), (0, SO, EQ | SUMMARY), (ONES, SO, LT | SUMMARY)],
)
def test_record_compares_with_zero_and_copies_so(core: BareCore, result: int, xer: int, field: int) -> None:
    compute(core, "add", result, 0, xer, Rc=1)
    assert core.state.condition_register() >> 28 == field


@pytest.mark.parametrize("xer", [0, SO])
@pytest.mark.parametrize(
    ("mnemonic", "a", "b", "expected"),
    [
        ("cmpw", MIN, MAX, LT),
        ("cmpw", 0, ONES, GT),
        ("cmpw", 5, 5, EQ),
        ("cmplw", MIN, MAX, GT),
        ("cmplw", 0, ONES, LT),
        ("cmplw", ONES, ONES, EQ),
    ],
)
def test_comparison_sets_its_field_and_no_other(
    core: BareCore, mnemonic: str, a: int, b: int, expected: int, xer: int
) -> None:
    core.gpr[4], core.gpr[5], core.state.xer = a, b, xer
    core.state.cr[:] = bytes([1] * 32)
    core.execute(insn(mnemonic, BF=5, rA=4, rB=5))
    field = expected | (SUMMARY if xer else 0)
    assert core.state.condition_register() == 0xFFFFF0FF | field << 8


@pytest.mark.parametrize(
    ("mnemonic", "a", "immediate", "expected"),
    [
        ("cmpwi", ONES, {"SI": -1}, EQ),
        ("cmpwi", 0, {"SI": -1}, GT),
        ("cmplwi", ONES, {"UI": 0xFFFF}, GT),
        ("cmplwi", 0xFFFF, {"UI": 0xFFFF}, EQ),
    ],
)
def test_comparison_with_immediate(
    core: BareCore, mnemonic: str, a: int, immediate: dict[str, int], expected: int
) -> None:
    core.gpr[4] = a
    core.execute(insn(mnemonic, BF=0, rA=4, **immediate))
    assert core.state.condition_register() >> 28 == expected


@pytest.mark.parametrize(("bit", "expected"), [(0, 0x55), (1, 0)])
def test_isel_reads_register_zero_as_the_number_zero(core: BareCore, bit: int, expected: int) -> None:
    core.gpr[0], core.gpr[5] = 0x1234, 0x55
    core.state.cr[9] = bit
    core.execute(insn("isel", rT=3, rA=0, rB=5, BC=9))
    assert core.gpr[3] == expected


def test_isel_of_zero_registers(core: BareCore) -> None:
    core.gpr[0], core.gpr[5] = 0x1234, 0x55
    core.execute(insn("isel", rT=3, rA=5, rB=0, BC=2))  # only rA stands for zero
    assert core.gpr[3] == 0x1234

# SPDX-License-Identifier: GPL-2.0-or-later
"""Masks that wrap around, shifts beyond 31, carry of algebraic shifts (Power ISA 2.06, 3.3.11 and 3.3.12)."""

from __future__ import annotations

import pytest

from bare_core import BareCore, insn

CA = 0x20000000
MIN, ONES = 0x80000000, 0xFFFFFFFF


def compute(
    core: BareCore, mnemonic: str, source: int, amount: int = 0, target: int = 0, **fields: int
) -> int:
    """Execute ``mnemonic rA=r3,rS=r4[,rB=r5]`` with r3 = ``target`` and return r3."""
    core.gpr[3], core.gpr[4], core.gpr[5] = target, source, amount
    if mnemonic in ("rlwnm", "slw", "srw", "sraw", "nand", "andc", "eqv", "orc"):
        fields["rB"] = 5
    core.execute(insn(mnemonic, rA=3, rS=4, **fields))
    return core.gpr[3]


@pytest.mark.parametrize(
    ("rotation", "begin", "end", "result"),
    [
        (0, 0, 31, 0x12345678),
        (4, 0, 31, 0x23456781),
        (31, 0, 31, 0x091A2B3C),
        (8, 24, 31, 0x00000012),
        (0, 0, 0, 0x00000000),
        (3, 0, 0, 0x80000000),
        (0, 31, 31, 0x00000000),
        (0, 28, 3, 0x10000008),  # the mask wraps around
        (0, 9, 8, 0x12345678),  # ... to all ones
    ],
)
def test_rlwinm(core: BareCore, rotation: int, begin: int, end: int, result: int) -> None:
    assert compute(core, "rlwinm", 0x12345678, SH=rotation, MB=begin, ME=end) == result


@pytest.mark.parametrize(
    ("rotation", "begin", "end", "result"),
    [
        (0, 0, 31, 0x12345678),
        (16, 0, 15, 0x5678CCCC),
        (0, 28, 3, 0x1CCCCCC8),  # the mask wraps around
        (4, 31, 0, 0x4CCCCCCD),
        (0, 31, 31, 0xCCCCCCCC),
        (0, 16, 15, 0x12345678),
    ],
)
def test_rlwimi_inserts_under_the_mask(
    core: BareCore, rotation: int, begin: int, end: int, result: int
) -> None:
    assert compute(core, "rlwimi", 0x12345678, target=0xCCCCCCCC, SH=rotation, MB=begin, ME=end) == result


@pytest.mark.parametrize("amount", [4, 36, 0xFFFFFFE4])
def test_rlwnm_takes_five_bits_of_the_amount(core: BareCore, amount: int) -> None:
    assert compute(core, "rlwnm", 0x12345678, amount, MB=0, ME=31) == 0x23456781


@pytest.mark.parametrize(
    ("mnemonic", "amount", "result"),
    [
        ("slw", 0, 0x80000001),
        ("slw", 31, 0x80000000),
        ("slw", 32, 0),
        ("slw", 63, 0),
        ("slw", 64, 0x80000001),  # six bits of the amount count
        ("srw", 31, 1),
        ("srw", 32, 0),
        ("srw", 0xFFFFFFC1, 0x40000000),
    ],
)
def test_logical_shifts(core: BareCore, mnemonic: str, amount: int, result: int) -> None:
    assert compute(core, mnemonic, 0x80000001, amount) == result


@pytest.mark.parametrize(
    ("source", "amount", "result", "carry"),
    [
        (MIN, 0, MIN, 0),
        (MIN | 1, 0, MIN | 1, 0),
        (MIN | 1, 1, 0xC0000000, CA),
        (MIN, 1, 0xC0000000, 0),
        (MIN, 31, ONES, 0),
        (ONES, 31, ONES, CA),
        (0x7FFFFFFF, 4, 0x07FFFFFF, 0),
    ],
)
@pytest.mark.parametrize("before", [0, CA])
@pytest.mark.parametrize("mnemonic", ["srawi", "sraw"])
def test_algebraic_shift_carries_if_a_negative_number_loses_ones(
    core: BareCore, mnemonic: str, before: int, source: int, amount: int, result: int, carry: int
) -> None:
    core.state.xer = before
    fields = {"SH": amount} if mnemonic == "srawi" else {}
    assert compute(core, mnemonic, source, amount, **fields) == result
    assert core.state.xer == carry


@pytest.mark.parametrize(
    ("source", "amount", "result", "carry"),
    [
        (MIN, 32, ONES, CA),
        (ONES, 63, ONES, CA),
        (0x7FFFFFFF, 32, 0, 0),
        (0, 40, 0, 0),
        (MIN | 1, 64, MIN | 1, 0),
    ],
)
def test_sraw_by_more_than_31_gives_the_sign(
    core: BareCore, source: int, amount: int, result: int, carry: int
) -> None:
    assert compute(core, "sraw", source, amount) == result
    assert core.state.xer == carry


@pytest.mark.parametrize(
    ("mnemonic", "source", "result"),
    [
        ("extsb", 0x17F, 0x7F),
        ("extsb", 0x80, 0xFFFFFF80),
        ("extsh", 0x17FFF, 0x7FFF),
        ("extsh", 0x8000, 0xFFFF8000),
        ("cntlzw", 0, 32),
        ("cntlzw", ONES, 0),
        ("cntlzw", 1, 31),
    ],
)
def test_sign_extension_and_leading_zeros(core: BareCore, mnemonic: str, source: int, result: int) -> None:
    assert compute(core, mnemonic, source) == result


@pytest.mark.parametrize(
    ("mnemonic", "result"), [("nand", 0xFFFFFFF7), ("andc", 4), ("eqv", 0xFFFFFFF9), ("orc", 0xFFFFFFFD)]
)
def test_logical_operations_with_a_complement(core: BareCore, mnemonic: str, result: int) -> None:
    # 0b1100 with 0b1010
    assert compute(core, mnemonic, 0b1100, 0b1010) == result


def test_recording_shift_sets_cr0_from_the_result(core: BareCore) -> None:
    core.state.so = 1
    compute(core, "srawi", MIN, SH=31, Rc=1)
    assert core.state.condition_register() == 0x90000000

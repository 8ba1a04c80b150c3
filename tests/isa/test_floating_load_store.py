# SPDX-License-Identifier: GPL-2.0-or-later
"""Floating-point loads and stores of the e500mc on both engines (Power ISA 2.06, 4.6.2 and 4.6.3)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bare_core import DATA, DEVICE, ENGINES, PAGE, RAM_PAGE_SIZE, BareCore, insn
from paradrive.isa import spr

MSR_FP = 0x2000
DATA_TLB_ERROR = 13
PATTERN = 0x0123456789ABCDEF
REPEATABLE = settings(derandomize=True, deadline=None, database=None)
words = st.integers(0, 2**32 - 1)


def e500mc(engine: str) -> BareCore:
    core = BareCore(engine, "e500mc")
    core.state.msr = MSR_FP
    core.gpr[3], core.gpr[4] = DATA, 0x10
    core.state.fpr[1] = PATTERN
    return core


@pytest.fixture(params=ENGINES)
def core(request: pytest.FixtureRequest) -> BareCore:
    return e500mc(request.param)


@pytest.fixture(scope="module", params=ENGINES)
def shared(request: pytest.FixtureRequest) -> BareCore:
    return e500mc(request.param)


def load_single(core: BareCore, word: int) -> int:
    core.put(DATA, word)
    core.execute(insn("lfs", frT=1, rA=3))
    return core.state.fpr[1]


def store_single(core: BareCore, register: int) -> int:
    core.state.fpr[1] = register
    core.execute(insn("stfs", frS=1, rA=3))
    return core.word(DATA)


def double_of(word: int) -> int:
    number: int = struct.unpack(">Q", struct.pack(">d", struct.unpack(">f", word.to_bytes(4, "big"))[0]))[0]
    return number


@REPEATABLE
@given(word=words)
@example(word=0x00000001)
@example(word=0x807FFFFF)
@example(word=0x00800000)
@example(word=0x80000000)
@example(word=0x7F7FFFFF)
@example(word=0xFF800000)
def test_single_keeps_its_value_as_double_and_back(shared: BareCore, word: int) -> None:
    assume(word & 0x7FFFFFFF <= 0x7F800000)
    assert load_single(shared, word) == double_of(word)
    assert store_single(shared, double_of(word)) == word


@pytest.mark.parametrize("word", [0x7F800001, 0x7FC00000, 0xFFBFFFFF])
def test_nan_passes_through_unchanged_even_if_signalling(shared: BareCore, word: int) -> None:
    register = load_single(shared, word)
    assert register == (word & 0x80000000) << 32 | 0x7FF << 52 | (word & 0x7FFFFF) << 29
    assert store_single(shared, register) == word


@pytest.mark.parametrize(
    ("register", "word"),
    [
        (0x3FF0000000000001, 0x3F800000),
        (0x3FFFFFFFFFFFFFFF, 0x3FFFFFFF),
        (0x380FFFFFFFFFFFFF, 0x007FFFFF),
        (0x36A8000000000000, 0x00000001),
        (0xB690000000000000, 0x80000000),
        (0x0000000000000001, 0x00000000),
    ],
)
def test_store_of_what_is_no_single_cuts_bits_off(shared: BareCore, register: int, word: int) -> None:
    assert store_single(shared, register) == word


@pytest.mark.parametrize(
    ("mnemonic", "fields", "address", "updated"),
    [
        ("lfd", {"rA": 3, "D": 8}, DATA + 8, False),
        ("lfdu", {"rA": 3, "D": -8}, DATA - 8, True),
        ("lfdx", {"rA": 3, "rB": 4}, DATA + 0x10, False),
        ("lfdux", {"rA": 3, "rB": 4}, DATA + 0x10, True),
        ("lfdx", {"rA": 0, "rB": 3}, DATA, False),
        ("lfd", {"rA": 3, "D": 5}, DATA + 5, False),
    ],
)
def test_double_is_loaded_from_and_stored_to_the_effective_address(
    core: BareCore, mnemonic: str, fields: dict[str, int], address: int, updated: bool
) -> None:
    core.execute(insn(mnemonic.replace("l", "st", 1), frS=1, **fields))
    assert bytes(core.ram.contents[address : address + 8]) == PATTERN.to_bytes(8, "big")
    assert core.gpr[3] == (address if updated else DATA)
    core.gpr[3] = DATA
    core.execute(insn(mnemonic, frT=2, **fields))
    assert core.state.fpr[2] == PATTERN
    assert core.gpr[3] == (address if updated else DATA)


def test_stfiwx_stores_the_lower_word(core: BareCore) -> None:
    core.execute(insn("stfiwx", frS=1, rA=3, rB=4))
    assert core.word(DATA + 0x10) == PATTERN & 0xFFFFFFFF


def test_double_may_cross_a_page(core: BareCore) -> None:
    core.gpr[3] = DATA + PAGE - 3
    core.execute(insn("stfd", frS=1, rA=3), insn("lfd", frT=2, rA=3))
    assert core.state.fpr[2] == PATTERN


@pytest.mark.parametrize(("mnemonic", "register"), [("lfdu", "frT"), ("stfdu", "frS")])
def test_refused_double_changes_nothing(core: BareCore, mnemonic: str, register: str) -> None:
    core.gpr[3] = RAM_PAGE_SIZE - 0x1004
    core.execute(insn(mnemonic, rA=3, D=0x1000, **{register: 1}))
    assert core.interrupt == DATA_TLB_ERROR
    assert core.spr[spr.DEAR] == RAM_PAGE_SIZE
    assert (core.gpr[3], core.state.fpr[1]) == (RAM_PAGE_SIZE - 0x1004, PATTERN)


def test_double_reaches_a_device_as_one_access(core: BareCore) -> None:
    core.gpr[3] = DEVICE
    core.execute(insn("stfd", frS=1, rA=3), insn("lfd", frT=2, rA=3), insn("lfd", frT=3, rA=3))
    assert [(size, value) for _address, size, value in core.bus.accesses] == [
        (8, PATTERN),
        (8, None),
        (8, None),
    ]
    assert core.state.fpr[2] == core.bus.answer


def test_single_reaches_a_device_as_a_word(core: BareCore) -> None:
    core.gpr[3] = DEVICE
    core.state.fpr[1] = double_of(0x40490FDB)
    core.execute(insn("stfs", frS=1, rA=3), insn("lfs", frT=2, rA=3))
    assert [(size, value) for _address, size, value in core.bus.accesses] == [(4, 0x40490FDB), (4, None)]
    assert core.state.fpr[2] == double_of(core.bus.answer)

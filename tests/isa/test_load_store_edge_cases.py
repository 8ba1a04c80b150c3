# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads and stores: extension, update, byte order, multiple words, reservations (Power ISA 2.06, 3.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from bare_core import CODE, DATA, DEVICE, BareCore, insn

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 0x81828384


@pytest.mark.parametrize(
    ("mnemonic", "expected"),
    [("lbz", 0x81), ("lhz", 0x8182), ("lha", 0xFFFF8182), ("lwz", LONG)],
)
@pytest.mark.parametrize("form", ["", "u", "x", "ux"])
def test_loads(core: BareCore, mnemonic: str, form: str, expected: int) -> None:
    core.put(DATA, LONG)
    core.gpr[4], core.gpr[5] = DATA + 8, 0xFFFFFFF8
    operand = {"rB": 5} if "x" in form else {"D": -8}
    core.execute(insn(mnemonic + form, rT=3, rA=4, **operand))
    assert core.gpr[3] == expected
    assert core.gpr[4] == (DATA if "u" in form else DATA + 8)


@pytest.mark.parametrize(
    ("mnemonic", "expected"), [("stb", 0x04FFFFFF), ("sth", 0x0304FFFF), ("stw", 0x01020304)]
)
@pytest.mark.parametrize("form", ["", "u", "x", "ux"])
def test_stores(core: BareCore, mnemonic: str, form: str, expected: int) -> None:
    core.put(DATA, 0xFFFFFFFF, 0xFFFFFFFF)
    core.gpr[3], core.gpr[4], core.gpr[5] = 0x01020304, DATA - 8, 8
    operand = {"rB": 5} if "x" in form else {"D": 8}
    core.execute(insn(mnemonic + form, rS=3, rA=4, **operand))
    assert (core.word(DATA), core.word(DATA + 4)) == (expected, 0xFFFFFFFF)
    assert core.gpr[4] == (DATA if "u" in form else DATA - 8)


def test_stwu_stores_the_base_as_it_was(core: BareCore) -> None:
    core.gpr[1] = DATA + 16
    core.execute(insn("stwu", rS=1, rA=1, D=-16))
    assert (core.word(DATA), core.gpr[1]) == (DATA + 16, DATA)


def test_base_register_zero_is_the_number_zero(core: BareCore) -> None:
    core.put(0x100, 0x12345678)
    core.gpr[0] = 0x5000
    core.execute(insn("lwz", rT=3, rA=0, D=0x100), insn("lwzx", rT=0, rA=0, rB=0))
    assert core.gpr[3] == 0x12345678
    assert core.gpr[0] == core.word(0x5000)  # only rA stands for zero


def test_load_may_overwrite_its_base(core: BareCore) -> None:
    core.put(DATA, 0x12345678)
    core.gpr[4] = DATA
    core.execute(insn("lwz", rT=4, rA=4))
    assert core.gpr[4] == 0x12345678


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_unaligned_words_are_accessed_byte_by_byte(core: BareCore, offset: int) -> None:
    core.gpr[3], core.gpr[4] = 0x01020304, DATA + offset
    core.execute(insn("stw", rS=3, rA=4), insn("lwz", rT=5, rA=4))
    assert bytes(core.ram.contents[DATA : DATA + 8]) == (bytes(offset) + b"\1\2\3\4").ljust(8, b"\0")
    assert core.gpr[5] == 0x01020304


def test_byte_reversed_accesses(core: BareCore) -> None:
    core.put(DATA, LONG)
    core.gpr[4] = DATA
    core.execute(
        insn("lhbrx", rT=5, rB=4),
        insn("lwbrx", rT=6, rB=4),
        insn("addi", rT=7, SI=8),
        insn("sthbrx", rS=6, rA=4, rB=7),
        insn("addi", rT=7, SI=12),
        insn("stwbrx", rS=6, rA=4, rB=7),
    )
    assert core.gpr[5] == 0x8281  # zero-extended
    assert core.gpr[6] == 0x84838281
    assert core.word(DATA + 8) == 0x81820000
    assert core.word(DATA + 12) == LONG


def test_lmw_loads_up_to_register_31(core: BareCore) -> None:
    core.put(DATA, *range(100, 110))
    core.gpr[4], core.gpr[27] = DATA, 77
    core.execute(insn("lmw", rT=28, rA=4, D=4))
    assert list(core.gpr[27:32]) == [77, 101, 102, 103, 104]


def test_stmw_stores_up_to_register_31(core: BareCore) -> None:
    for number in range(28, 32):
        core.gpr[number] = number
    core.put(DATA, *[0xFFFFFFFF] * 8)
    core.gpr[4] = DATA
    core.execute(insn("stmw", rS=28, rA=4, D=4))
    assert [core.word(DATA + 4 * n) for n in range(6)] == [0xFFFFFFFF, 28, 29, 30, 31, 0xFFFFFFFF]


def test_multiple_words_may_cross_a_page(core: BareCore) -> None:
    for number in range(24, 32):
        core.gpr[number] = number
    core.gpr[4] = DATA + 0xFF0
    core.execute(insn("stmw", rS=24, rA=4), insn("lmw", rT=16, rA=4))
    assert [core.word(DATA + 0xFF0 + 4 * n) for n in range(8)] == list(range(24, 32))
    assert list(core.gpr[16:24]) == list(range(24, 32))


RESERVE, CONDITIONAL = insn("lwarx", rT=3, rB=4), insn("stwcx.", rS=5, rB=4)
EQ, SO = 0x20000000, 0x10000000


@pytest.mark.parametrize("summary_overflow", [0, 1])
def test_stwcx_stores_what_is_reserved(core: BareCore, summary_overflow: int) -> None:
    core.put(DATA, 7)
    core.gpr[4], core.gpr[5], core.state.so = DATA, 9, summary_overflow
    core.execute(RESERVE, CONDITIONAL)
    assert (core.gpr[3], core.word(DATA)) == (7, 9)
    assert core.state.condition_register() == (EQ | SO if summary_overflow else EQ)


def test_stwcx_without_reservation_stores_nothing(core: BareCore) -> None:
    core.put(DATA, 7)
    core.gpr[4], core.gpr[5] = DATA, 9
    core.execute(CONDITIONAL)
    assert core.word(DATA) == 7
    assert core.state.condition_register() == 0


def test_reservation_serves_once(core: BareCore) -> None:
    core.gpr[4], core.gpr[5] = DATA, 9
    core.execute(RESERVE, CONDITIONAL, insn("addi", rT=5, SI=10), CONDITIONAL)
    assert core.word(DATA) == 9
    assert core.state.condition_register() == 0


def test_reservation_of_another_word_fails_and_ends(core: BareCore) -> None:
    core.gpr[4], core.gpr[5] = DATA, 9
    elsewhere = insn("addi", rT=4, rA=4, SI=64)
    back = insn("addi", rT=4, rA=4, SI=-64)
    core.execute(RESERVE, elsewhere, CONDITIONAL, back, CONDITIONAL)
    assert (core.word(DATA), core.word(DATA + 64)) == (0, 0)
    assert core.state.condition_register() == 0


def test_interrupt_ends_the_reservation(core: BareCore) -> None:
    core.gpr[4], core.gpr[5] = DATA, 9
    core.execute(RESERVE, insn("sc"))
    core.execute(CONDITIONAL)
    assert core.word(DATA) == 0


def written_outside(core: BareCore, address: int, size: int) -> None:
    """Write to RAM what it holds already, as a device or the host does."""
    core.vcpu.memory_written(address, size)


def reserves_after(core: BareCore, act: Callable[[], object]) -> bool:
    """Tell whether a reservation at DATA + 64 still holds after ``act``."""
    core.gpr[4], core.gpr[5] = DATA + 64, 9
    core.execute(RESERVE)
    act()
    core.execute(CONDITIONAL)
    stored = core.word(DATA + 64) == 9
    assert stored == (core.state.condition_register() == EQ)
    return stored


@pytest.mark.parametrize(("model", "block"), [("e500v2", 32), ("e500mc", 64)])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_write_of_somebody_else_to_the_cache_block_ends_the_reservation(
    engine: str, model: str, block: int
) -> None:
    core = BareCore(engine, model)
    first = DATA + 64
    for address, size, loses in (
        (first, 4, True),
        (first + block - 1, 1, True),
        (first - 1, 2, True),
        (DATA, 4096, True),
        (first - 1, 1, False),
        (first + block, 4, False),
        (first, 0, False),
        (CODE, 4096, False),
    ):
        core.put(first, 0)
        kept = reserves_after(core, partial(written_outside, core, address, size))
        assert kept == (not loses), f"{size} bytes at {address:#x}"


def test_reserved_is_what_the_effective_address_leads_to(core: BareCore) -> None:
    elsewhere = 0x40000000
    core.tlbwe(0x10020000, 0x80000100, elsewhere, DATA | 0x3F)
    for written, word in ((DATA, 0), (DATA + 0x1000, 9)):
        core.gpr[4], core.gpr[5] = elsewhere, 9
        core.execute(RESERVE)
        written_outside(core, written, 4)
        core.execute(CONDITIONAL)
        assert core.word(DATA) == word


def test_reservation_that_leads_nowhere_any_more_is_lost(core: BareCore) -> None:
    elsewhere = 0x40000000
    core.tlbwe(0x10020000, 0x80000100, elsewhere, DATA | 0x3F)
    core.gpr[4], core.gpr[5] = elsewhere, 9
    core.execute(RESERVE)
    core.tlbwe(0x10020000, 0, elsewhere, DATA | 0x3F)
    written_outside(core, DATA + 0x1000, 4)
    core.tlbwe(0x10020000, 0x80000100, elsewhere, DATA | 0x3F)
    core.execute(CONDITIONAL)
    assert core.word(DATA) == 0


def test_device_that_writes_the_block_within_an_access_ends_the_reservation(core: BareCore) -> None:
    core.gpr[6] = DEVICE
    core.bus.on_access = lambda: written_outside(core, DATA + 64, 4)
    assert not reserves_after(core, lambda: core.execute(insn("stw", rS=5, rA=6)))
    core.bus.on_access = lambda: written_outside(core, DATA, 4)
    assert reserves_after(core, lambda: core.execute(insn("stw", rS=5, rA=6)))


def test_changed_memory_ends_any_reservation(core: BareCore) -> None:
    assert not reserves_after(core, core.vcpu.memory_changed)


@pytest.mark.parametrize("mnemonic", ["stw", "dcbz", "dcbi", "dcbf"])
def test_own_store_and_cache_instructions_keep_the_reservation(core: BareCore, mnemonic: str) -> None:
    operands = {"rS": 5, "rA": 4} if mnemonic == "stw" else {"rB": 4}
    assert reserves_after(core, lambda: core.execute(insn(mnemonic, **operands)))


@pytest.mark.parametrize(("model", "size"), [("e500v2", 32), ("e500mc", 64)])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_dcbz_clears_the_block_around_its_address(engine: str, model: str, size: int) -> None:
    core = BareCore(engine, model)
    core.ram.contents[DATA : DATA + 256] = b"\xff" * 256
    core.gpr[4] = DATA + 128 + 17
    core.execute(insn("dcbz", rB=4))
    cleared = bytes(core.ram.contents[DATA : DATA + 256])
    assert cleared == b"\xff" * 128 + bytes(size) + b"\xff" * (128 - size)


@pytest.mark.parametrize("mnemonic", ["dcba", "dcbf", "dcbst", "dcbt", "dcbtst", "icbi", "icbt", "dcbi"])
def test_other_cache_instructions_change_nothing(core: BareCore, mnemonic: str) -> None:
    core.put(DATA, *[0xFFFFFFFF] * 16)
    core.gpr[4] = DATA + 17
    core.execute(insn(mnemonic, rB=4))
    assert core.interrupt is None
    assert bytes(core.ram.contents[DATA : DATA + 64]) == b"\xff" * 64


@pytest.mark.parametrize("mnemonic", ["dcbt", "dcbtst", "icbt", "dcba"])
def test_cache_hints_do_not_fault(core: BareCore, mnemonic: str) -> None:
    core.gpr[4] = 0x90000000
    core.execute(insn(mnemonic, rB=4))
    assert core.interrupt is None

# SPDX-License-Identifier: GPL-2.0-or-later
"""Branches, traps and the condition register (Power ISA 2.06, Book I, chapter 2, 3.3.10.1 and 3.3.13)."""

from __future__ import annotations

import pytest

from bare_core import CODE, BareCore, insn

PROGRAM, TRAP_SYNDROME, ESR = 6, 0x02000000, 62
NEXT = CODE + 4
TARGET = CODE + 0x40


def branch_conditionally(core: BareCore, options: int, *, count: int = 0, bit: int = 0, link: int = 0) -> int:
    """Execute bc at CODE on CR bit 7 and return pc."""
    core.state.ctr, core.state.cr[7] = count, bit
    core.execute(insn("bc", BO=options, BI=7, BD=(TARGET - CODE) // 4, LK=link))
    return int(core.state.pc)


@pytest.mark.parametrize(
    ("options", "count", "bit", "taken", "count_after"),
    [
        (0b00000, 2, 0, True, 1),  # decrement; CTR != 0 and bit false
        (0b00000, 1, 0, False, 0),
        (0b00000, 2, 1, False, 1),
        (0b00010, 1, 0, True, 0),  # decrement; CTR = 0 and bit false
        (0b00010, 2, 0, False, 1),
        (0b00100, 2, 0, True, 2),
        (0b00100, 2, 1, False, 2),
        (0b01000, 2, 1, True, 1),
        (0b01000, 2, 0, False, 1),
        (0b01010, 1, 1, True, 0),
        (0b01100, 2, 1, True, 2),
        (0b01100, 2, 0, False, 2),
        (0b10000, 0, 0, True, 0xFFFFFFFF),
        (0b10000, 1, 0, False, 0),
        (0b10010, 1, 0, True, 0),
        (0b10010, 0, 0, False, 0xFFFFFFFF),
        (0b10100, 5, 0, True, 5),
        (0b11111, 5, 0, True, 5),  # bits that nothing depends on
        (0b01111, 5, 1, True, 5),
        (0b00001, 1, 0, False, 0),  # with a hint
    ],
)
@pytest.mark.parametrize("link", [0, 1])
def test_bc(
    core: BareCore, options: int, count: int, bit: int, taken: bool, count_after: int, link: int
) -> None:
    assert branch_conditionally(core, options, count=count, bit=bit, link=link) == (TARGET if taken else NEXT)
    assert core.state.ctr == count_after
    assert core.state.lr == (NEXT if link else 0)  # whether taken or not


def test_bclr_with_link_uses_the_old_link_register(core: BareCore) -> None:
    core.state.lr = TARGET | 3
    core.execute(insn("bclr", BO=20, LK=1))
    assert (core.state.pc, core.state.lr) == (TARGET, NEXT)


def test_bclr_decrements_the_counter(core: BareCore) -> None:
    core.state.lr, core.state.ctr = TARGET, 1
    core.execute(insn("bclr", BO=16))
    assert (core.state.pc, core.state.ctr) == (NEXT, 0)


def test_bcctr_ignores_the_low_bits(core: BareCore) -> None:
    core.state.ctr = TARGET | 2
    core.execute(insn("bcctr", BO=20, LK=1))
    assert (core.state.pc, core.state.lr, core.state.ctr) == (TARGET, NEXT, TARGET | 2)


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({"LI": 4}, CODE + 16),
        ({"LI": -4}, CODE - 16),
        ({"LI": 0x2000, "AA": 1}, 0x8000),
        ({"LI": -1, "AA": 1}, 0xFFFFFFFC),
        ({"LI": 0x7FFFFF}, CODE + 0x1FFFFFC),
    ],
)
def test_b(core: BareCore, fields: dict[str, int], target: int) -> None:
    core.execute(insn("b", LK=1, **fields))
    assert (core.state.pc, core.state.lr) == (target, NEXT)


@pytest.mark.parametrize(("displacement", "target"), [(-0x2000, 0xFFFF8000), (0x1FFF, 0x7FFC)])
def test_absolute_bc_sign_extends_its_target(core: BareCore, displacement: int, target: int) -> None:
    core.execute(insn("bc", BO=20, BD=displacement, AA=1))
    assert core.state.pc == target


SIGNED_LESS, SIGNED_GREATER, EQUAL, LESS, GREATER = 16, 8, 4, 2, 1


@pytest.mark.parametrize(
    ("a", "b", "holding"),
    [
        (0xFFFFFFFF, 1, SIGNED_LESS | GREATER),
        (1, 0xFFFFFFFF, SIGNED_GREATER | LESS),
        (1, 2, SIGNED_LESS | LESS),
        (2, 1, SIGNED_GREATER | GREATER),
        (7, 7, EQUAL),
    ],
)
@pytest.mark.parametrize("conditions", range(32))
def test_tw_traps_if_a_named_condition_holds(
    core: BareCore, a: int, b: int, holding: int, conditions: int
) -> None:
    core.gpr[4], core.gpr[5] = a, b
    core.execute(insn("tw", TO=conditions, rA=4, rB=5))
    if conditions & holding:
        assert (core.interrupt, core.spr[26], core.spr[ESR]) == (PROGRAM, CODE, TRAP_SYNDROME)
    else:
        assert core.state.pc == NEXT


@pytest.mark.parametrize(("immediate", "traps"), [(-1, True), (1, False)])
def test_twi_compares_with_the_signed_immediate(core: BareCore, immediate: int, traps: bool) -> None:
    core.gpr[4] = 0xFFFFFFFF
    core.execute(insn("twi", TO=EQUAL, rA=4, SI=immediate))
    assert (core.interrupt == PROGRAM) == traps


@pytest.mark.parametrize(
    ("mnemonic", "results"),  # for (a, b) = 00, 01, 10, 11
    [
        ("crand", "0001"),
        ("crandc", "0010"),
        ("creqv", "1001"),
        ("crnand", "1110"),
        ("crnor", "1000"),
        ("cror", "0111"),
        ("crorc", "1011"),
        ("crxor", "0110"),
    ],
)
def test_condition_register_logic(core: BareCore, mnemonic: str, results: str) -> None:
    for number, result in enumerate(results):
        core.state.cr[3], core.state.cr[30] = number >> 1, number & 1
        core.execute(insn(mnemonic, BT=17, BA=3, BB=30))
        assert core.state.cr[17] == int(result)
        assert (core.state.cr[3], core.state.cr[30]) == (number >> 1, number & 1)


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        (0xFF, 0x12345678),
        (0x80, 0x1EEEEEEE),
        (0x01, 0xEEEEEEE8),
        (0x42, 0xE2EEEE7E),
        (0x00, 0xEEEEEEEE),
    ],
)
def test_mtcrf_sets_the_fields_that_its_mask_names(core: BareCore, fields: int, result: int) -> None:
    core.gpr[3], core.gpr[4] = 0xEEEEEEEE, 0x12345678
    core.execute(insn("mtcrf", FXM=0xFF, rS=3), insn("mtcrf", FXM=fields, rS=4), insn("mfcr", rT=5))
    assert core.gpr[5] == result


def test_mcrf_copies_a_field(core: BareCore) -> None:
    core.gpr[3] = 0x12345678
    core.execute(insn("mtcrf", FXM=0xFF, rS=3), insn("mcrf", BF=7, BFA=2), insn("mcrf", BF=0, BFA=0))
    assert core.state.condition_register() == 0x12345673


def test_mcrxr_moves_the_flags_and_clears_them(core: BareCore) -> None:
    core.state.xer = 0xE0000055
    core.execute(insn("mcrxr", BF=1))
    assert core.state.condition_register() == 0x0E000000
    assert core.state.xer == 0x55

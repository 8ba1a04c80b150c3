# SPDX-License-Identifier: GPL-2.0-or-later
"""The floating-point status register of the e500mc, and the interrupts of its floating-point instructions."""

from __future__ import annotations

import pytest
from floating_core import MSR_FP, bits, compute, e500mc

from bare_core import CODE, DATA, ENGINES, BareCore, insn
from paradrive.isa import spr
from paradrive.isa.fpscr import (
    FEX,
    FI,
    FR,
    FX,
    OE,
    OX,
    UE,
    VE,
    VX,
    VXISI,
    VXSNAN,
    VXSQRT,
    XE,
    XX,
)

MSR_FE0, MSR_FE1 = 0x0800, 0x0100
PROGRAM, UNAVAILABLE = 6, 7
ESR_FP, ESR_ILLEGAL = 0x01000000, 0x08000000
TOWARD_ZERO, UPWARD = 1, 2
#: The class of positive numbers: FPRF in its place.
PLUS = 0x4000


@pytest.fixture(scope="module")
def shared() -> BareCore:
    return e500mc()


@pytest.mark.parametrize(
    ("before", "mnemonic", "fields", "after"),
    [
        (0, "mtfsb1", {"BT": 3}, FX | OX),
        (OX, "mtfsb1", {"BT": 3}, OX),
        (0, "mtfsb1", {"BT": 31}, TOWARD_ZERO),
        (0, "mtfsb1", {"BT": 1}, 0),
        (0, "mtfsb1", {"BT": 20}, 0),
        (0, "mtfsb1", {"BT": 7}, FX | VX | VXSNAN),
        (FX | VX | VXSNAN, "mtfsb0", {"BT": 7}, FX),
        (FX | VX | VXSNAN, "mtfsb0", {"BT": 2}, FX | VX | VXSNAN),
        (FX | FEX | VX | VXISI | VE, "mtfsb0", {"BT": 24}, FX | VX | VXISI),
        (0, "mtfsfi", {"BF": 7, "U": 0xA}, XE | UPWARD),
        (FX | XX, "mtfsfi", {"BF": 0, "U": 7}, OX | XX),
        (XX, "mtfsfi", {"BF": 0, "U": 8}, FX | XX),
        (FX | FEX | VX | OX | VXSNAN | VXSQRT | OE, "mcrfs", {"BF": 0, "BFA": 0}, VX | VXSNAN | VXSQRT | OE),
        (FX | VX | VXSQRT, "mcrfs", {"BF": 0, "BFA": 5}, FX),
        (FI | FR | PLUS, "mcrfs", {"BF": 0, "BFA": 3}, FI | FR | PLUS),
    ],
)
def test_instructions_of_the_status_register(
    shared: BareCore, before: int, mnemonic: str, fields: dict[str, int], after: int
) -> None:
    assert hex(compute(shared, mnemonic, fpscr=before, **fields)[1]) == hex(after)


def test_mtfsf_sets_the_chosen_fields_except_what_follows_from_others(shared: BareCore) -> None:
    _, fpscr = compute(shared, "mtfsf", b=0xFFFFFFFF, FLM=0x81, frB=3)
    assert fpscr == FX | OX | 0xF
    _, fpscr = compute(shared, "mtfsf", b=0x60000000, fpscr=FX | XX, FLM=0xFF, frB=3)
    assert fpscr == 0


def test_mtfsf_with_l_sets_all_fields(shared: BareCore) -> None:
    _, fpscr = compute(shared, "mtfsf", b=OX | 0xF, fpscr=FX | XX, L=1, FLM=0, frB=3)
    assert fpscr == OX | 0xF


def test_mcrfs_copies_a_field(shared: BareCore) -> None:
    compute(shared, "mcrfs", fpscr=FX | OX | VE, BF=2, BFA=0)
    assert shared.state.condition_register() >> 20 & 15 == 0b1001


def test_mffs_reads_the_register(shared: BareCore) -> None:
    assert compute(shared, "mffs", fpscr=FX | XX | PLUS | UPWARD)[0] == FX | XX | PLUS | UPWARD


@pytest.mark.parametrize("modes", [MSR_FE0, MSR_FE1, MSR_FE0 | MSR_FE1])
def test_enabled_exception_raises_a_program_interrupt(modes: int) -> None:
    core = e500mc(msr=MSR_FP | modes)
    core.state.fpscr, core.state.fpr[2] = XE, bits(1.0)
    core.state.fpr[3] = bits(2.0**-60)
    core.execute(insn("fadd", frT=1, frA=2, frB=3))
    assert core.interrupt == PROGRAM
    assert (core.spr[spr.ESR], core.spr[spr.SRR0]) == (ESR_FP, CODE)
    # The result is there already.
    assert core.state.fpr[1] == bits(1.0)


@pytest.mark.parametrize(("modes", "interrupt"), [(0, None), (MSR_FE0, PROGRAM)])
def test_enabling_what_has_happened_raises_a_program_interrupt(modes: int, interrupt: int | None) -> None:
    core = e500mc(msr=MSR_FP | modes)
    core.state.fpscr = FX | OX
    core.execute(insn("mtfsb1", BT=25))
    assert core.state.fpscr == FX | FEX | OX | OE
    assert core.interrupt == interrupt


def test_exception_that_is_not_enabled_raises_nothing() -> None:
    core = e500mc(msr=MSR_FP | MSR_FE0 | MSR_FE1)
    core.state.fpscr = VE | OE | UE | XE
    core.state.fpr[2] = bits(1.0)
    core.execute(insn("fdiv", frT=1, frA=2, frB=3))
    assert core.interrupt is None


EVERY_KIND = [
    insn("fadd", frT=1, frA=2, frB=3),
    insn("fmr", frT=1, frB=3),
    insn("mffs", frT=1),
    insn("lfd", frT=1, D=DATA & 0x7FFF),
    insn("stfs", frS=1, D=DATA & 0x7FFF),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("word", EVERY_KIND)
def test_floating_point_is_unavailable_until_it_is_switched_on(engine: str, word: int) -> None:
    core = e500mc(engine, msr=0)
    core.execute(word)
    assert (core.interrupt, core.spr[spr.SRR0]) == (UNAVAILABLE, CODE)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("word", EVERY_KIND)
def test_e500v2_has_no_floating_point_registers(engine: str, word: int) -> None:
    core = BareCore(engine, "e500v2")
    core.state.msr = MSR_FP
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, ESR_ILLEGAL)


@pytest.mark.parametrize("word", [0xFC20182C, 0xEC20182C, 0xFC201830, 0xFC201E5C])
def test_e500mc_has_no_square_root_and_no_conversion_from_doubleword(word: int) -> None:
    """fsqrt, fsqrts, fre, fctid."""
    core = e500mc()
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, ESR_ILLEGAL)

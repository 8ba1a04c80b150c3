# SPDX-License-Identifier: GPL-2.0-or-later
"""What the e500mc has and the e500v2 has not, and the other way round (e500mc core manual, chapter 2)."""

from __future__ import annotations

import pytest

from bare_core import CODE, ENGINES, MSR_EE, VECTORS, BareCore, insn, mfspr, mtspr
from paradrive.cpu.vcpu import RunExit
from paradrive.isa import spr

PROGRAM, EXTERNAL_INPUT = 6, 4
ESR_ILLEGAL = 0x08000000


@pytest.mark.parametrize("engine", ENGINES)
def test_wait_ends_with_an_interrupt_that_returns_behind_it(engine: str) -> None:
    core = BareCore(engine, "e500mc")
    core.state.msr = MSR_EE
    assert core.execute(insn("wait"), budget=100) is RunExit.IDLE
    assert core.vcpu.run(100) is RunExit.IDLE
    core.put(VECTORS + 0x100 * EXTERNAL_INPUT, insn("addi", rT=3, SI=7))
    core.vcpu.set_external_interrupt(True)
    assert core.vcpu.run(1) is RunExit.BUDGET
    assert (core.gpr[3], core.spr[spr.SRR0]) == (7, CODE + 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_wait_does_not_end_while_interrupts_are_disabled(engine: str) -> None:
    core = BareCore(engine, "e500mc")
    core.vcpu.set_external_interrupt(True)
    assert core.execute(insn("wait"), budget=100) is RunExit.IDLE


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("e500v2", insn("wait")),
        ("e500v2", insn("tlbilx")),
        ("e500v2", insn("rfdi")),
        *(("e500v2", mtspr(number, 3)) for number in (*range(432, 436), 532, 533, 339, 341)),
        *(("e500mc", mtspr(number, 3)) for number in (528, 529, 530, 512, spr.PID1, spr.PID2, spr.HID1)),
        *(("e500mc", mfspr(3, number)) for number in (528, 512, spr.PID1)),
    ],
)
def test_what_the_other_core_has_is_illegal(engine: str, model: str, word: int) -> None:
    core = BareCore(engine, model)
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, ESR_ILLEGAL)


@pytest.mark.parametrize(("model", "kept"), [("e500mc", 0x2), ("e500v2", 0)])
@pytest.mark.parametrize("engine", ENGINES)
def test_only_an_e500mc_has_a_recoverable_interrupt_bit(engine: str, model: str, kept: int) -> None:
    core = BareCore(engine, model)
    core.gpr[3] = 0x2
    core.execute(insn("mtmsr", rS=3), insn("mfmsr", rT=4))
    assert core.gpr[4] == kept

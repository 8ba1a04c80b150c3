# SPDX-License-Identifier: GPL-2.0-or-later
"""Breakpoints: the host acts before an instruction, on each engine, and nothing else changes."""

from __future__ import annotations

from bare_core import CODE, HALT, NOP, PAGE, BareCore, insn, jump, li
from paradrive.cpu.vcpu import RunExit

#: Adds 1 to r3 in each turn, without end.
LOOP = (insn("addi", rT=3, rA=3, SI=1), NOP, jump(-8))


def test_a_run_stops_before_the_instruction(core: BareCore) -> None:
    core.put(CODE, NOP, NOP, li(3, 7), HALT)
    core.vcpu.set_breakpoint(CODE + 8, core.vcpu.request_stop)
    assert core.vcpu.run(100) is RunExit.STOPPED
    assert (core.state.pc, core.gpr[3], core.vcpu.instructions) == (CODE + 8, 0, 2)


def test_the_next_run_executes_the_instruction(core: BareCore) -> None:
    core.put(CODE, *LOOP)
    core.vcpu.set_breakpoint(CODE + 4, core.vcpu.request_stop)
    for turn in range(1, 4):
        assert core.vcpu.run(100) is RunExit.STOPPED
        assert (core.state.pc, core.gpr[3]) == (CODE + 4, turn)


def test_each_arrival_is_noticed_once_however_runs_are_cut(core: BareCore) -> None:
    arrivals = []
    core.put(CODE, *LOOP)
    core.vcpu.set_breakpoint(CODE + 4, lambda: arrivals.append(core.vcpu.instructions))
    for _ in range(30):
        core.vcpu.run(1)
    core.vcpu.run(30)
    assert arrivals == list(range(1, 60, 3))
    assert core.vcpu.instructions == 60


def test_an_action_may_send_the_guest_elsewhere(core: BareCore) -> None:
    core.put(CODE, li(3, 1), li(3, 2), HALT)

    def skip() -> None:
        core.gpr[4] = 42
        core.state.pc += 4

    core.vcpu.set_breakpoint(CODE + 4, skip)
    core.vcpu.run(10)
    assert (core.gpr[3], core.gpr[4], core.state.pc) == (1, 42, CODE + 8)


def test_one_is_found_on_a_page_whose_code_has_run_before(core: BareCore) -> None:
    other = CODE + PAGE
    core.put(other, insn("addi", rT=3, rA=3, SI=1), insn("bclr", BO=20))
    core.put(CODE, insn("b", LI=PAGE // 4, LK=1), jump(-4))
    core.vcpu.run(100)
    before = core.gpr[3]
    core.vcpu.set_breakpoint(other, core.vcpu.request_stop)
    assert core.vcpu.run(100) is RunExit.STOPPED
    assert (core.state.pc, core.gpr[3]) == (other, before)


def test_a_removed_one_does_nothing(core: BareCore) -> None:
    core.put(CODE, *LOOP)
    core.vcpu.set_breakpoint(CODE + 4, core.vcpu.request_stop)
    core.vcpu.remove_breakpoint(CODE + 4, core.vcpu.request_stop)
    assert core.vcpu.run(99) is RunExit.BUDGET
    assert core.gpr[3] == 33


def test_two_actions_at_one_instruction_are_independent(core: BareCore) -> None:
    arrivals = []
    core.put(CODE, *LOOP)
    core.vcpu.set_breakpoint(CODE + 4, lambda: arrivals.append(core.gpr[3]))
    core.vcpu.set_breakpoint(CODE + 4, core.vcpu.request_stop)
    assert core.vcpu.run(99) is RunExit.STOPPED
    core.vcpu.remove_breakpoint(CODE + 4, core.vcpu.request_stop)
    assert core.vcpu.run(7) is RunExit.BUDGET
    assert arrivals == [1, 2, 3]


def test_one_is_found_where_the_action_of_another_has_led(core: BareCore) -> None:
    core.put(CODE, NOP, NOP, NOP, HALT)

    def skip() -> None:
        core.state.pc += 4

    core.vcpu.set_breakpoint(CODE + 4, skip)
    core.vcpu.set_breakpoint(CODE + 8, core.vcpu.request_stop)
    assert core.vcpu.run(10) is RunExit.STOPPED
    assert (core.state.pc, core.vcpu.instructions) == (CODE + 8, 1)


def test_restoring_a_snapshot_removes_them(core: BareCore) -> None:
    core.put(CODE, *LOOP)
    core.vcpu.run(10)
    snapshot = core.vcpu.snapshot()
    core.vcpu.set_breakpoint(CODE + 4, core.vcpu.request_stop)
    core.clock.clear()
    core.vcpu.restore(snapshot, [])
    assert core.vcpu.run(99) is RunExit.BUDGET
    core.clock.clear()
    core.vcpu.restore(snapshot, [])
    core.vcpu.set_breakpoint(CODE + 4, core.vcpu.request_stop)
    assert core.vcpu.run(99) is RunExit.STOPPED

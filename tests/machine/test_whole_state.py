# SPDX-License-Identifier: GPL-2.0-or-later
"""Restore, load and reset bring back all that there is, whichever part of the machine keeps it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from busy_program import BUSY, MEMORY_SIZE
from whole_state import differences, whole_state

from paradrive.cpu.vcpu import ENGINES
from paradrive.devices.pvctl import BootReason, Event, Pvctl
from paradrive.machine import saved_machine

if TYPE_CHECKING:
    from pathlib import Path

    from program_guest import Boot

    from paradrive.machine.machine import Machine
    from paradrive.machine.snapshot import MachineSnapshot

States = dict[int, dict[str, object]]

#: Behind how many instructions states are compared: from the first on, in the midst of handlers, too.
POINTS = (0, 90, 1597, 4530, 8196)
#: How long runs are that are undone: an instruction, a turn of the program, all of its interrupts.
LENGTHS = (1, 117, 3001)

#: What a reset leaves as it is, or counts: guest time goes on, RAM keeps what no image overwrites, and the
#: line on the console has not ended.
NOT_RESET = re.compile(
    r"time$|instructions$|machine\.resets$|machine\._console_line|.*\.boot_reason$"
    r"|machine\.memories\[0\]\.(view|contents)|.*\.timebase_offset$"
)


@pytest.fixture(scope="module")
def _straight() -> dict[str, States]:
    return {}


@pytest.fixture
def straight(boot: Boot, _straight: dict[str, States]) -> States:
    """Return the states at all points of a guest that runs straight on, on the reference engine."""
    if not _straight:
        machine = boot(BUSY, memory_size=MEMORY_SIZE)
        _straight["states"] = {}
        for point in sorted({point + length for point in POINTS for length in (0, LENGTHS[-1])}):
            run_to(machine, point)
            _straight["states"][point] = whole_state(machine)
        # It does what it is there for.
        assert min(machine.vcpu.state.gpr[24:28]) > 3
    return _straight["states"]


def run_to(machine: Machine, instructions: int) -> None:
    machine.vcpu.run(instructions - machine.vcpu.instructions)


def busy(boot: Boot, engine: str) -> Machine:
    return boot(BUSY, memory_size=MEMORY_SIZE, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_restore_brings_everything_back(boot: Boot, straight: States, engine: str) -> None:
    machine = busy(boot, engine)
    for point in POINTS:
        run_to(machine, point)
        snapshot = machine.snapshot()
        for length in LENGTHS:
            run_to(machine, point + length)
            machine.restore(snapshot)
            assert not differences(whole_state(machine), straight[point])
    run_to(machine, POINTS[-1] + LENGTHS[-1])
    assert not differences(whole_state(machine), straight[POINTS[-1] + LENGTHS[-1]])


@pytest.mark.parametrize("engine", ENGINES)
def test_snapshots_are_used_in_any_order(boot: Boot, straight: States, engine: str) -> None:
    machine = busy(boot, engine)
    snapshots: dict[int, MachineSnapshot] = {}
    for point in POINTS[1:]:
        run_to(machine, point)
        snapshots[point] = machine.snapshot()
    first, second, third, *_ = snapshots
    last = max(snapshots)
    order = (first, second, last, last, first, third, first, second, second, last)
    for number, point in enumerate(order):
        machine.restore(snapshots[point])
        assert not differences(whole_state(machine), straight[point])
        run_to(machine, point + (0, *LENGTHS)[number % 4])


@pytest.mark.parametrize("engine", ENGINES)
def test_reset_is_undone_by_a_restore_without_a_run(boot: Boot, straight: States, engine: str) -> None:
    machine = busy(boot, engine)
    for point in (0, POINTS[-1]):
        run_to(machine, point)
        snapshot = machine.snapshot()
        for length in (0, LENGTHS[-1], 0):
            run_to(machine, point + length)
            machine.reset(BootReason.HOST_RESET)
            machine.restore(snapshot)
            assert not differences(whole_state(machine), straight[point])
        run_to(machine, point + LENGTHS[-1])
        assert not differences(whole_state(machine), straight[point + LENGTHS[-1]])
        machine.restore(snapshot)


#: Waits for the decrementer again and again, and counts in r11.
IDLING = """
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3 ; lis 3, 0x40 ; mtspr 1008, 3
    lis 3, 1 ; mtspr 22, 3 ; mtspr 54, 3 ; lis 3, 0x0440 ; mtspr 340, 3
again: lis 3, 4 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync ; addi 11, 11, 1 ; b again
    .balign 16
handler: lis 3, 0x0800 ; mtspr 336, 3 ; lis 3, 4 ; mfspr 4, 27 ; andc 4, 4, 3 ; mtspr 27, 4 ; rfi
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_time_in_which_the_guest_waited_counts_as_before_after_a_restore(boot: Boot, engine: str) -> None:
    machine = boot(IDLING, memory_size=MEMORY_SIZE, engine=engine)
    machine.run(200, reset_limit=0)
    snapshot, before = machine.snapshot(), whole_state(machine)
    ends = []
    for _ in range(2):
        machine.run(200, reset_limit=0)
        ends.append(whole_state(machine))
        machine.restore(snapshot)
        assert not differences(whole_state(machine), before)
    assert not differences(*ends)
    assert ends[0]["time"] > 10 * ends[0]["instructions"]  # type: ignore[operator]


def test_restore_brings_back_a_panic_and_a_reset_that_has_been_asked_for(boot: Boot) -> None:
    machine = boot("spin: b spin", memory_size=MEMORY_SIZE)
    machine.vcpu.run(100)
    machine.request_reset()
    machine.panicked("the first one")
    snapshot, before = machine.snapshot(), whole_state(machine)
    machine.reset(BootReason.HOST_RESET)
    machine.vcpu.run(1)
    machine.vcpu.run(50)
    machine.panicked("another one, later")
    assert differences(whole_state(machine), before)
    machine.restore(snapshot)
    assert not differences(whole_state(machine), before)


@pytest.mark.parametrize(("saving", "loading"), [ENGINES, ENGINES[::-1]])
def test_loaded_machine_has_all_that_the_saved_one_had(
    boot: Boot, straight: States, tmp_path: Path, saving: str, loading: str
) -> None:
    machine = busy(boot, saving)
    for point in POINTS:
        run_to(machine, point)
        saved_machine.save(machine, str(tmp_path / "state"))
        loaded = saved_machine.load(str(tmp_path / "state"), lambda byte: None, engine=loading)  # type: ignore[arg-type]
        for length in (0, LENGTHS[-1]):
            run_to(loaded, point + length)
            assert not differences(whole_state(loaded), straight[point + length])
        loaded.destroy()


@pytest.mark.parametrize("engine", ENGINES)
def test_reset_leaves_nothing_of_what_was(boot: Boot, engine: str) -> None:
    machine, new = busy(boot, engine), whole_state(busy(boot, engine))
    for point in POINTS[1:4]:
        run_to(machine, machine.vcpu.instructions + point)
        pvctl = next(device for device in machine.devices.values() if isinstance(device, Pvctl))
        pvctl.request(Event.CRASH)
        machine.reset(BootReason.HOST_RESET)
        left = differences(whole_state(machine), new)
        assert not {path: values for path, values in left.items() if not NOT_RESET.match(path)}

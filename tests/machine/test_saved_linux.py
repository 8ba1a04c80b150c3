# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux, saved at any instruction, continues in a process of its own as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observable import everything

from paradrive.machine import saved_machine
from paradrive.machine.outcome import NoProgress, Outcome, PoweredOff, ResetLimit
from paradrive.testing.guest import Guest, GuestFiles
from paradrive_tools.guest_build import ensure_guest

BUDGET = 400_000_000
CONTINUE = Path(__file__).with_name("continue_saved.py")


class End(NamedTuple):
    """How a guest that nobody saves ends, after so many instructions."""

    outcome: str
    console: str
    state: dict[str, object]
    instructions: int


def files_for(cpu: str) -> GuestFiles:
    built = ensure_guest(cpu)
    return GuestFiles(built.kernel, built.initrd, built.dtb)


@pytest.fixture(scope="module")
def files() -> GuestFiles:
    return files_for("e500v2")


def end_of(guest: Guest, *, reset_limit: int = 0) -> End:
    outcome = guest.run(BUDGET, reset_limit=reset_limit)
    # As JSON would have it: no tuples, and keys of text.
    state = json.loads(json.dumps(everything(guest.machine)))
    return End(repr(outcome), guest.console, state, guest.machine.vcpu.instructions)


def run_to(guest: Guest, instructions: int, *, reset_limit: int = 0) -> Outcome:
    return guest.run(instructions, reset_limit=reset_limit)


def continue_elsewhere(guest: Guest, file: Path, *, engine: str = "compiled", reset_limit: int = 0) -> End:
    """Save a guest and return its end in another process, with the console of both."""
    saved_machine.save(guest.machine, str(file))
    complete_lines = guest.console.rpartition("\n")[0] + "\n" if "\n" in guest.console else ""
    command = [sys.executable, str(CONTINUE), str(file), engine, str(reset_limit)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    outcome, console, state = json.loads(printed)
    return End(outcome, complete_lines + console, state, state["instructions"])


@pytest.fixture(scope="module")
def powered_off(files: GuestFiles) -> End:
    return end_of(Guest(files, append="quiet"))


@pytest.fixture(scope="module")
def restarted(files: GuestFiles) -> End:
    return end_of(Guest(files, append="act=restart"), reset_limit=1)


@pytest.fixture(scope="module")
def first_restart(files: GuestFiles) -> int:
    """Return after how many instructions the guest that restarts asks for its first reset."""
    guest = Guest(files, append="act=restart")
    assert guest.run() == ResetLimit(0)
    return guest.machine.vcpu.instructions


@settings(max_examples=6, deadline=None, derandomize=True)
@given(data=st.data())
def test_boot_continues_elsewhere_to_the_same_end(
    files: GuestFiles, powered_off: End, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    assert powered_off.outcome == repr(PoweredOff(0))
    cut = data.draw(st.integers(0, powered_off.instructions - 1))
    guest = Guest(files, append="quiet")
    run_to(guest, cut)
    assert guest.machine.vcpu.instructions == cut
    assert continue_elsewhere(guest, tmp_path_factory.mktemp("cut") / "state") == powered_off


@settings(max_examples=5, deadline=None, derandomize=True)
@given(before=st.integers(-30_000, 30))
def test_restart_continues_elsewhere_from_the_midst_of_it(
    files: GuestFiles,
    restarted: End,
    first_restart: int,
    tmp_path_factory: pytest.TempPathFactory,
    before: int,
) -> None:
    # From the system call over the driver's sys-off handler to the first instructions of the next boot.
    guest = Guest(files, append="act=restart")
    run_to(guest, first_restart + before, reset_limit=1)
    left = 1 - guest.machine.resets
    assert left == (before < 0)
    end = continue_elsewhere(guest, tmp_path_factory.mktemp("cut") / "state", reset_limit=left)
    # What the limit was is the caller's: the second process had one reset less to make.
    assert end._replace(outcome=restarted.outcome) == restarted
    assert end.outcome == repr(ResetLimit(left))


def test_reset_that_linux_asked_for_is_made_elsewhere(
    files: GuestFiles, restarted: End, tmp_path: Path
) -> None:
    guest = Guest(files, append="act=restart")
    assert guest.run() == ResetLimit(0)
    assert continue_elsewhere(guest, tmp_path / "state", reset_limit=1) == restarted


def test_panicked_linux_stays_panicked_elsewhere(files: GuestFiles, tmp_path: Path) -> None:
    expected = end_of(Guest(files, append="act=panic"))
    assert expected.outcome.startswith("Panicked(")
    guest = Guest(files, append="act=panic")
    panicked_at = instruction_of_panic(Guest(files, append="act=panic"))
    assert isinstance(run_to(guest, panicked_at + 5000), NoProgress)
    assert guest.machine.progress.panic_message is not None
    assert continue_elsewhere(guest, tmp_path / "state") == expected


def instruction_of_panic(guest: Guest) -> int:
    """Return after how many instructions, in steps of a thousand, the machine knows of the guest's panic."""
    guest.run(8_000_000)
    while guest.machine.progress.panic_message is None:
        assert isinstance(guest.run(1000), NoProgress)
    return guest.machine.vcpu.instructions


@pytest.mark.parametrize("cpu", ["e500v2", "e500mc"])
def test_engines_continue_each_others_guests(cpu: str, tmp_path: Path) -> None:
    guest = Guest(files_for(cpu), append="quiet", cpu=cpu)
    expected = end_of(Guest(files_for(cpu), append="quiet", cpu=cpu))
    # The reference engine is slow: it gets a piece in the middle.
    run_to(guest, 6_000_000)
    machine = guest.machine
    for engine in ("reference", "compiled"):
        saved_machine.save(machine, str(tmp_path / "state"))
        machine = saved_machine.load(str(tmp_path / "state"), lambda byte: None, engine=engine)
        machine.run(20_000, reset_limit=0)
    assert repr(machine.run(BUDGET, reset_limit=0)) == expected.outcome
    assert json.loads(json.dumps(everything(machine))) == expected.state


def test_file_is_small(files: GuestFiles, tmp_path: Path) -> None:
    guest = Guest(files, append="quiet")
    run_to(guest, 8_000_000)
    saved_machine.save(guest.machine, str(tmp_path / "state"))
    assert sum(memory.size for memory in guest.machine.memories) == 64 << 20
    assert (tmp_path / "state").stat().st_size <= 8 << 20

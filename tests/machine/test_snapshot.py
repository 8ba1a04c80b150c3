# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine returns to its snapshot as if nothing had happened since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observable import everything

from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit
from paradrive.machine.snapshot import differing_pages
from paradrive.testing.guest import Guest, GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from paradrive.machine.snapshot import MachineSnapshot


@pytest.fixture(scope="module")
def files() -> GuestFiles:
    built = ensure_guest("e500v2")
    return GuestFiles(built.kernel, built.initrd, built.dtb)


def cut_at(guest: Guest, instructions: int) -> MachineSnapshot:
    guest.machine.vcpu.run(instructions)
    return guest.machine.snapshot()


@settings(max_examples=8, deadline=None, derandomize=True)
@given(cut=st.integers(0, 9_000_000))
def test_boot_continues_from_any_instruction_to_the_same_end(files: GuestFiles, cut: int) -> None:
    guest = Guest(files, append="quiet")
    snapshot = cut_at(guest, cut)
    assert guest.run() == PoweredOff(0)
    first = everything(guest.machine)
    guest.machine.restore(snapshot)
    assert guest.run() == PoweredOff(0)
    assert everything(guest.machine) == first


def test_restore_copies_back_only_what_was_stored_to(files: GuestFiles) -> None:
    guest = Guest(files, append="quiet")
    snapshot = cut_at(guest, 5_000_000)
    guest.machine.vcpu.run(10_000)
    stored = set(guest.machine.vcpu.stored_pages)
    assert 0 < len(stored) < 100
    guest.machine.restore(snapshot)
    assert guest.machine.vcpu.stored_pages <= stored
    # Those were only assumed to be stored to again.
    guest.machine.restore(snapshot)
    assert not guest.machine.vcpu.stored_pages
    assert not differing_pages(guest.machine.snapshot(), snapshot)


def test_runs_from_a_snapshot_are_equal_whatever_ran_before_them(files: GuestFiles) -> None:
    """Each return keeps translations of the run before it, and pages that this one has stored to."""
    guest = Guest(files, append="quiet")
    snapshot = cut_at(guest, 5_000_000)
    lengths = (300_000, 1_200_000, 40_000)
    first = {length: state_after(guest, snapshot, length) for length in lengths}
    for length in (*lengths, *reversed(lengths)):
        assert state_after(guest, snapshot, length) == first[length]
    guest.machine.restore(snapshot)
    guest.machine.restore(snapshot)
    assert not differing_pages(guest.machine.snapshot(), snapshot)


def state_after(guest: Guest, snapshot: MachineSnapshot, instructions: int) -> dict[str, object]:
    guest.machine.restore(snapshot)
    guest.machine.vcpu.run(instructions)
    return everything(guest.machine)


def test_a_page_that_is_code_again_after_a_restore_is_executed_as_it_was(files: GuestFiles) -> None:
    """The module's pages are stored to, executed, and something else after the return."""
    guest = Guest(files)
    snapshot = cut_at(guest, 5_000_000)
    assert guest.run() == PoweredOff(0)
    end = everything(guest.machine)
    for _ in range(3):
        guest.machine.restore(snapshot)
        assert guest.run() == PoweredOff(0)
        assert everything(guest.machine) == end


def test_restore_undoes_a_reset(files: GuestFiles) -> None:
    guest = Guest(files, append="quiet act=restart")
    snapshot = cut_at(guest, 5_000_000)
    before = guest.machine.vcpu.instructions
    for _ in range(2):
        assert guest.run(reset_limit=1) == ResetLimit(1)
        guest.machine.restore(snapshot)
        assert guest.machine.vcpu.instructions == before
        assert guest.machine.resets == 0
    assert not differing_pages(guest.machine.snapshot(), snapshot)


def test_floating_point_registers_are_part_of_a_snapshot(files: GuestFiles) -> None:
    machine = Guest(files).machine
    machine.vcpu.state.fpr[31], machine.vcpu.state.fpscr = 1 << 63, 1
    snapshot, before = machine.snapshot(), everything(machine)
    machine.vcpu.state.fpr[31], machine.vcpu.state.fpscr = 0, 0
    machine.restore(snapshot)
    assert everything(machine) == before


def test_panic_and_requested_reset_are_part_of_a_snapshot(files: GuestFiles) -> None:
    guest = Guest(files, append="quiet act=restart")
    assert guest.run() == ResetLimit(0)
    requested = guest.machine.snapshot()
    guest.machine.panicked("by the host")
    panicked = guest.machine.snapshot()
    guest.machine.restore(requested)
    assert guest.run(reset_limit=1) == ResetLimit(1)
    guest.machine.restore(panicked)
    assert guest.run(reset_limit=1) == Panicked("by the host")

# SPDX-License-Identifier: GPL-2.0-or-later
"""A request to crash is for a guest that hangs: it is served as long as the guest takes interrupts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from programs import program

from paradrive.devices.pvctl import Command, Event
from paradrive.guest.agent import GuestEndedError
from paradrive.machine.outcome import NoProgress, Panicked
from paradrive_tools.guest_build.driver import Driver, ensure_module

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles

HANG = Driver(Path(__file__).parent / "hang", "hang.ko")
#: Ten boots.
BUDGET = 100_000_000
#: Instructions in which a guest that serves a request has done so many times over.
A_WHILE = 5_000_000
#: The kernel restarts when it has panicked. "threadirqs" makes threads of what may be one.
ARGUMENTS = [
    pytest.param(marks=pytest.mark.guest(append="panic=-1"), id="usual"),
    pytest.param(marks=pytest.mark.guest(append="panic=-1 threadirqs"), id="threadirqs"),
]


@pytest.fixture
def hang(guest_files: GuestFiles) -> Path:
    return ensure_module("e500v2", guest_files.kernel.parent, HANG).stripped


def assert_crashes(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert pvctl.request(Event.CRASH)
    assert isinstance(guest.machine.run(BUDGET, reset_limit=0), Panicked)
    assert "the host requests a crash" in guest.console
    assert pvctl.commands == [Command.CRASH(), Command.RESET()]


@pytest.mark.parametrize("", ARGUMENTS)
def test_task_that_leaves_the_cpu_to_nobody_is_no_obstacle(
    guest: BootedGuest, pvctl: Pvctl, guest_files: GuestFiles
) -> None:
    guest.write("/bin/spin", program("spin", guest_files), 0o755)
    guest.agent.start("spin")
    guest.run_until(line="spins from now on")
    # Who looks after a guest asks first, and crashes it when nothing comes of that.
    assert pvctl.request(Event.SHUTDOWN)
    guest.run_until(instructions=A_WHILE)
    assert not pvctl.commands
    assert_crashes(guest, pvctl)


@pytest.mark.parametrize("", ARGUMENTS)
def test_loop_in_the_kernel_is_no_obstacle(guest: BootedGuest, pvctl: Pvctl, hang: Path) -> None:
    guest.write("/lib/modules/hang.ko", hang.read_bytes())
    guest.agent.budget = A_WHILE
    with pytest.raises(GuestEndedError) as hanging:
        guest.insmod("/lib/modules/hang.ko")
    assert isinstance(hanging.value.outcome, NoProgress)
    assert "hangs from now on" in guest.console
    assert_crashes(guest, pvctl)


@pytest.mark.guest(append="panic=-1")
def test_host_hears_of_a_crash_before_another_notifier_can_hang(
    guest: BootedGuest, pvctl: Pvctl, hang: Path
) -> None:
    guest.rmmod("pvctl")
    guest.insmod(hang, "in_panic=1")
    guest.insmod("/lib/modules/pvctl.ko")
    pvctl.request(Event.CRASH)
    guest.run_until(line="hangs from now on")
    assert pvctl.commands == [Command.CRASH()]

# SPDX-License-Identifier: GPL-2.0-or-later
"""A host may take its time to do what it has accepted: until then no other handler gets its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature, ResetKind, Status
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

#: A late host, in nanoseconds of guest time: far more than it takes to get to the next handler.
LATE = 2_000_000
#: A host that never does what it has accepted.
NEVER = 1 << 60
MICROSECONDS = 1_000_000
RESET_REGISTER = "RSTCR"


def skip_waiting(guest: BootedGuest) -> list[int]:
    """Let the guest's delays pass at once, which would take seconds; return how long each was, in us."""
    state, waited = guest.machine.vcpu.state, []

    def skip() -> None:
        waited.append(state.gpr[3])
        state.pc = state.lr

    guest.machine.vcpu.set_breakpoint(guest.symbol("udelay"), skip)
    return waited


def registers(guest: BootedGuest) -> list[str]:
    return [traced.access.register for traced in guest.accesses]


def test_late_host_is_told_the_exit_code(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.delay = LATE
    assert guest.run("poweroff -c 3").outcome == PoweredOff(3)
    assert pvctl.commands == [Command.SHUTDOWN(argument=3)]
    assert "System Halted" not in guest.console


def test_late_host_resets_before_another_handler_does(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.delay = LATE
    assert guest.run("reboot -m warm").outcome == ResetLimit(0)
    assert pvctl.commands == [Command.RESET(argument=ResetKind.WARM)]
    assert RESET_REGISTER not in registers(guest)


@pytest.mark.guest(append="panic=-1")
def test_late_host_resets_a_guest_that_has_panicked(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.delay = LATE
    pvctl.request(Event.CRASH)
    assert isinstance(guest.machine.run(100_000_000, reset_limit=0), Panicked)
    assert pvctl.commands == [Command.CRASH(), Command.RESET()]
    assert RESET_REGISTER not in registers(guest)


def test_after_a_second_in_vain_another_handler_restarts(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.delay = NEVER
    waited = skip_waiting(guest)
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert sum(waited) >= MICROSECONDS
    assert "pvctl f00000000.pvctl: reset accepted" in guest.console
    assert registers(guest)[-1] == RESET_REGISTER


def test_after_a_second_in_vain_the_guest_halts(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.delay = NEVER
    waited = skip_waiting(guest)
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert sum(waited) >= MICROSECONDS
    assert "pvctl f00000000.pvctl: shutdown accepted" in guest.console


def test_nobody_waits_for_what_was_refused(guest: BootedGuest, pvctl: Pvctl) -> None:
    waited = skip_waiting(guest)
    pvctl.write(type(pvctl).ENABLE.offset, 4, ALL_FEATURES & ~Feature.SHUTDOWN)
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert pvctl.commands == [Command.SHUTDOWN(status=Status.NOT_ENABLED)]
    assert waited == []

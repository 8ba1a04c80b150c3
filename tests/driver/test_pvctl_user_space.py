# SPDX-License-Identifier: GPL-2.0-or-later
"""A request is served in order where user space can do so, and by force where it cannot even begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from programs import program

from paradrive.devices.pvctl import Command, CommandRecord, Event, Pvctl
from paradrive.machine.outcome import PoweredOff, ResetLimit

if TYPE_CHECKING:
    from paradrive.machine.outcome import Outcome
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles

#: Ten boots.
BUDGET = 100_000_000
REQUESTS = [
    pytest.param(Event.SHUTDOWN, PoweredOff(0), Command.SHUTDOWN(), id="shutdown"),
    pytest.param(Event.REBOOT, ResetLimit(0), Command.RESET(), id="reboot"),
]


@pytest.mark.parametrize(("event", "outcome", "command"), REQUESTS)
def test_request_is_forced_where_no_program_is(
    guest: BootedGuest, pvctl: Pvctl, event: Event, outcome: Outcome, command: CommandRecord
) -> None:
    # An empty directory takes its place.
    guest.agent.mount("ramfs", "/sbin")
    pvctl.request(event)
    assert guest.machine.run(BUDGET, reset_limit=0) == outcome
    assert pvctl.commands == [command]


@pytest.mark.parametrize(("event", "outcome", "command"), REQUESTS)
def test_request_is_forced_where_the_program_cannot_be_executed(
    guest: BootedGuest, pvctl: Pvctl, event: Event, outcome: Outcome, command: CommandRecord
) -> None:
    for name in ("poweroff", "reboot"):
        guest.write(f"/sbin/{name}", "no program")
    pvctl.request(event)
    assert guest.machine.run(BUDGET, reset_limit=0) == outcome
    assert pvctl.commands == [command]


# The kernel does not wait for the program's end: it may well take minutes to stop what runs.
@pytest.mark.parametrize(("event", "outcome", "command"), REQUESTS)
def test_request_can_be_repeated_where_the_program_has_failed(
    guest: BootedGuest,
    pvctl: Pvctl,
    guest_files: GuestFiles,
    event: Event,
    outcome: Outcome,
    command: CommandRecord,
) -> None:
    working = guest.agent.read("/sbin/poweroff"), guest.agent.read("/sbin/reboot")
    for name in ("poweroff", "reboot"):
        guest.write(f"/sbin/{name}", program("fail", guest_files))
    for _ in range(2):
        pvctl.request(event)
        guest.run_until(instructions=5_000_000)
        assert guest.console.count("the host requests") > 0
        assert (pvctl.EVENT, pvctl.commands) == (0, [])
    for name, content in zip(("poweroff", "reboot"), working, strict=True):
        guest.write(f"/sbin/{name}", content)
    pvctl.request(event)
    assert guest.machine.run(BUDGET, reset_limit=0) == outcome
    assert pvctl.commands == [command]

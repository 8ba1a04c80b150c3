# SPDX-License-Identifier: GPL-2.0-or-later
"""The selftests that end the guest: what the device sees is their result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ktap import Result, parse

from paradrive.devices.pvctl import Command, CrashKind, Event, Pvctl, ResetKind
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from paradrive.devices.pvctl import CommandRecord
    from paradrive.guest.agent import Completed
    from paradrive.testing.booted import BootedGuest

SHUTDOWN = Command.SHUTDOWN()
RESET = Command.RESET(argument=ResetKind.COLD)
CRASH = Command.CRASH(argument=CrashKind.PANICKED)
#: The kernel's words for what must not happen, whatever is requested and when.
COMPLAINTS = ("Oops", "BUG", "WARNING", "Call Trace", "nobody cared")


def complaints(guest: BootedGuest) -> list[str]:
    return [word for word in COMPLAINTS if word in guest.console]


def passed(done: Completed) -> list[str]:
    """Return the names of the results, all of which must be "ok" and executed."""
    results = parse(done.stdout).results
    assert [result for result in results if result != Result(result.name, True)] == []
    return [result.name for result in results]


@pytest.mark.parametrize("code", [0, 3, 0xFFFF_FFFF])
def test_power_off_hands_over_the_exit_code(guest: BootedGuest, pvctl: Pvctl, code: int) -> None:
    done = guest.run(f"/selftests/power_off {code}")
    assert (done.outcome, passed(done)) == (PoweredOff(code), ["exit code is taken"])
    assert pvctl.commands == [Command.SHUTDOWN(argument=code)]


def test_power_off_fails_with_what_is_no_exit_code(guest: BootedGuest, pvctl: Pvctl) -> None:
    done = guest.run("/selftests/power_off none")
    assert done.status == 1
    assert parse(done.stdout).results[0] == Result("exit code is taken", False)
    assert not pvctl.commands


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("cold", ResetKind.COLD),
        ("warm", ResetKind.WARM),
        ("soft", ResetKind.WARM),
        ("hard", ResetKind.COLD),
        ("gpio", ResetKind.COLD),
    ],
)
def test_restart_resets_as_the_mode_says(
    guest: BootedGuest, pvctl: Pvctl, mode: str, kind: ResetKind
) -> None:
    done = guest.run(f"/selftests/restart {mode}")
    assert (done.outcome, passed(done)) == (ResetLimit(0), ["mode of the restart"])
    assert pvctl.commands == [Command.RESET(argument=kind)]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(ResetKind.COLD, marks=pytest.mark.guest(append="panic=-1")),
        pytest.param(ResetKind.WARM, marks=pytest.mark.guest(append="panic=-1 reboot=panic_warm")),
    ],
)
def test_panic_is_reported_before_the_reset(guest: BootedGuest, pvctl: Pvctl, kind: ResetKind) -> None:
    done = guest.run("/selftests/panic")
    assert isinstance(done.outcome, Panicked)
    assert "Attempted to kill init" in guest.console
    assert passed(done) == ["init can be debugged"]
    assert pvctl.commands == [CRASH, Command.RESET(argument=kind)]


@pytest.mark.guest(append="panic=-1")
@pytest.mark.parametrize(
    ("event", "outcome", "commands"),
    [
        (Event.SHUTDOWN, PoweredOff, [SHUTDOWN]),
        (Event.REBOOT, ResetLimit, [RESET]),
        (Event.CRASH, Panicked, [CRASH, RESET]),
    ],
)
def test_request_ends_the_guest(
    guest: BootedGuest, pvctl: Pvctl, event: Event, outcome: type, commands: list[CommandRecord]
) -> None:
    program = guest.agent.start("/selftests/host_request")
    guest.run_until(line="waits 10 seconds for a request")
    assert pvctl.request(event)
    done = program.wait()
    assert isinstance(done.outcome, outcome)
    assert passed(done) == ["the driver has its interrupt"]
    assert pvctl.commands == commands


@pytest.mark.parametrize("name", ["host_request", "unbind_request"])
def test_without_a_request_the_guest_runs_on(guest: BootedGuest, pvctl: Pvctl, name: str) -> None:
    done = guest.run(f"/selftests/{name}")
    *results, last = parse(done.stdout).results
    assert done.status == 0
    assert last.skipped == "the host has requested nothing"
    assert all(result.passed and not result.skipped for result in results)
    assert not pvctl.commands


EVENTS = [
    pytest.param(Event.SHUTDOWN, SHUTDOWN, "reboot: Power down", id="shutdown"),
    pytest.param(Event.REBOOT, RESET, "reboot: Restarting system", id="reboot"),
    pytest.param(
        Event.CRASH, CRASH, "Kernel panic - not syncing: f00000000.pvctl: the host requests", id="crash"
    ),
]


@pytest.mark.parametrize("symbol", ["unbind_store", "pvctl_disable_events"])
@pytest.mark.parametrize(("event", "command", "line"), EVENTS)
def test_request_just_before_the_driver_lets_go_is_served(
    guest: BootedGuest, pvctl: Pvctl, symbol: str, event: Event, command: CommandRecord, line: str
) -> None:
    guest.agent.start("/selftests/unbind_request")
    guest.run_until(symbol=symbol)
    assert pvctl.request(event)
    # The guest goes this way whether or not the driver is still there at its end.
    guest.run_until(line=line)
    assert complaints(guest) == []
    assert pvctl.EVENT == 0


@pytest.mark.parametrize(
    "symbol",
    [
        "free_irq",
        "pvctl_unregister_panic_notifier",
        "unregister_sys_off_handler",
        "pvctl_disable",
        "bind_store",
    ],
)
def test_request_after_that_is_refused(guest: BootedGuest, pvctl: Pvctl, symbol: str) -> None:
    program = guest.agent.start("/selftests/unbind_request")
    guest.run_until(symbol=symbol)
    assert not pvctl.request(Event.SHUTDOWN)
    assert program.wait().status == 0
    assert (pvctl.EVENT, pvctl.commands) == (0, [])


@pytest.mark.guest(dtb="two-devices.dts")
def test_device_of_the_higher_priority_powers_off(guest: BootedGuest) -> None:
    assert guest.run("/selftests/power_off 3").outcome == PoweredOff(3)
    commands = {path: device.commands for path, device in pvctls(guest).items()}
    assert commands == {
        "/platform@f00000000/pvctl@0": [],
        "/platform@f00000000/pvctl@1000": [Command.SHUTDOWN(argument=3)],
    }


def pvctls(guest: BootedGuest) -> dict[str, Pvctl]:
    return {path: device for path, device in guest.machine.devices.items() if isinstance(device, Pvctl)}

# SPDX-License-Identifier: GPL-2.0-or-later
"""The real driver in the real kernel on the model: it binds, powers off, resets, refuses what it must."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from binding import bind, unbind

from paradrive.devices.pvctl import Command, Feature, ResetKind
from paradrive.machine.outcome import NoProgress, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

BOUND = "init: pvctl bound to f00000000.pvctl"


def test_guest_powers_off_through_pvctl(boot: Boot) -> None:
    guest = boot(append="act=poweroff")
    assert guest.run() == PoweredOff(0)
    assert BOUND in guest.console
    assert guest.pvctl.commands == [Command.SHUTDOWN()]


def test_restart_resets_through_pvctl(boot: Boot) -> None:
    guest = boot(append="act=restart")
    assert guest.run() == ResetLimit(0)
    assert guest.pvctl.commands == [Command.RESET(argument=ResetKind.COLD)]


def test_warm_reboot_mode_asks_for_a_warm_reset(boot: Boot) -> None:
    guest = boot(append="act=restart reboot=warm")
    assert guest.run() == ResetLimit(0)
    assert guest.pvctl.commands == [Command.RESET(argument=ResetKind.WARM)]


def test_guest_that_was_reset_boots_again(boot: Boot) -> None:
    guest = boot(append="act=restart")
    assert guest.run(reset_limit=2) == ResetLimit(2)
    assert guest.console.count(BOUND) == 3


def test_driver_refuses_a_major_version_it_does_not_know(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.VERSION = 2 << 16
    assert bind(guest) == errno.EOPNOTSUPP
    assert "unknown major version 2" in guest.console
    assert pvctl.ENABLE == 0


def test_driver_ignores_the_minor_version(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.VERSION = 1 << 16 | 7
    assert bind(guest) == 0


def test_driver_refuses_a_device_with_another_id(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.ID = 0x12345678
    assert bind(guest) == errno.ENODEV
    assert "unknown device ID 0x12345678" in guest.console
    assert pvctl.ENABLE == 0


def test_without_the_shutdown_feature_the_guest_halts(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.FEATURES = int(Feature.RESET)
    assert bind(guest) == 0
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert not pvctl.commands


def test_without_the_reset_feature_another_handler_restarts(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.FEATURES = int(Feature.SHUTDOWN)
    assert bind(guest) == 0
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert not pvctl.commands


@pytest.mark.parametrize(("priority", "through_pvctl"), [(192, True), (64, False)])
def test_priority_decides_which_restart_handler_is_first(
    boot: Boot, compile_tree: Callable[[str], bytes], priority: int, through_pvctl: bool
) -> None:
    source = (
        f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &pvctl {{ priority = <{priority}>; }};'
    )
    guest = boot(append="act=restart", tree=compile_tree(source))
    assert guest.run() == ResetLimit(0)
    assert bool(guest.pvctl.commands) is through_pvctl


def test_two_runs_are_identical(boot: Boot) -> None:
    first, second = (boot(append="act=poweroff") for _ in range(2))
    for guest in (first, second):
        guest.run()
    assert first.console == second.console
    assert first.machine.vcpu.state.architectural() == second.machine.vcpu.state.architectural()
    assert first.machine.vcpu.instructions == second.machine.vcpu.instructions


def test_idle_guest_only_keeps_its_clock_going(boot: Boot) -> None:
    guest = boot(append="act=idle")
    outcome = guest.run()
    assert isinstance(outcome, NoProgress)
    assert "idled" in outcome.reason
    # A process that turned in a loop would execute thousands of millions in that time.
    assert guest.machine.vcpu.instructions < 40_000_000

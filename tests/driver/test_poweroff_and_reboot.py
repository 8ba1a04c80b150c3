# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's poweroff and reboot: what the user asks for is what the device is told."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from binding import DEVICE, bind, unbind

from paradrive.devices.pvctl import ALL_FEATURES, Command, Feature, ResetKind
from paradrive.machine.outcome import PoweredOff, ResetLimit

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

EXIT_CODE = f"{DEVICE}/exit_code"


def test_poweroff_reports_exit_code(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.run("poweroff -c 3")
    assert pvctl.commands == [Command.SHUTDOWN(argument=3)]


@pytest.mark.parametrize(("text", "code"), [("0", 0), ("0x10", 16), ("4294967295", 0xFFFF_FFFF)])
def test_the_exit_code_has_32_bits(guest: BootedGuest, text: str, code: int) -> None:
    assert guest.run(f"poweroff -c {text}").outcome == PoweredOff(code)


@pytest.mark.parametrize(
    ("text", "number"),
    [("three", errno.EINVAL), ("-1", errno.EINVAL), ("4294967296", errno.ERANGE), ("''", 0)],
)
def test_what_is_no_exit_code_is_refused(guest: BootedGuest, pvctl: Pvctl, text: str, number: int) -> None:
    done = guest.run(f"poweroff -c {text}")
    value = text.strip("'")
    assert (done.status, done.stdout) == (1, "")
    assert all(word in done.stderr for word in (f"'{value}'", EXIT_CODE, str(number)))
    assert not pvctl.commands


def test_exit_code_needs_a_device(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    done = guest.run("poweroff -c 3")
    assert (done.status, done.stderr.count("\n")) == (1, 1)


def test_exit_code_needs_the_shutdown_feature(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    pvctl.FEATURES = ALL_FEATURES & ~Feature.SHUTDOWN
    assert bind(guest) == 0
    done = guest.run("poweroff -c 3")
    assert done.status == 1
    assert EXIT_CODE in done.stderr and str(errno.ENOENT) in done.stderr


@pytest.mark.parametrize("command", ["poweroff 3", "poweroff -c", "poweroff -m cold", "reboot -c 3"])
def test_unknown_arguments_are_refused(guest: BootedGuest, pvctl: Pvctl, command: str) -> None:
    done = guest.run(command)
    assert done.status == 1
    assert command.split()[0] in done.stderr
    assert not pvctl.commands


@pytest.mark.parametrize(("mode", "kind"), [("cold", ResetKind.COLD), ("warm", ResetKind.WARM)])
def test_reboot_takes_the_mode(guest: BootedGuest, pvctl: Pvctl, mode: str, kind: ResetKind) -> None:
    assert guest.run(f"reboot -m {mode}").outcome == ResetLimit(0)
    assert pvctl.commands == [Command.RESET(argument=kind)]


def test_unknown_mode_is_refused(guest: BootedGuest, pvctl: Pvctl) -> None:
    done = guest.run("reboot -m lukewarm")
    assert done.status == 1
    assert "'lukewarm'" in done.stderr and str(errno.EINVAL) in done.stderr
    assert not pvctl.commands

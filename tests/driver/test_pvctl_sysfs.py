# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's files in sysfs: its attributes, and "unbind" and "bind"."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

import pytest
from binding import DEVICE, bind, unbind

from paradrive.devices.pvctl import ALL_FEATURES, BootReason, Command, Event, Feature
from paradrive.guest.agent import RequestRefusedError
from paradrive_tools.guest_build.paths import DRIVER_SOURCES

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
ABI = DRIVER_SOURCES / "Documentation/ABI/testing/sysfs-driver-pvctl"


def rebind(guest: BootedGuest) -> None:
    unbind(guest)
    assert bind(guest) == 0


def test_attributes_tell_what_the_device_says(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.VERSION = 1 << 16 | 23
    pvctl.FEATURES = ALL_FEATURES | 1 << 31
    rebind(guest)
    attributes = ("version", "features", "boot_reason", "exit_code")
    values = [guest.read(f"{DEVICE}/{name}") for name in attributes]
    assert values == ["1.23\n", "0x1f\n", "regular power-up\n", "0\n"]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (BootReason.COLD, "regular power-up"),
        (BootReason.GUEST_RESET, "software reset"),
        (BootReason.HOST_RESET, "reset button action"),
        (BootReason.AFTER_CRASH, "crash"),
        (max(BootReason) + 1, "unknown reason"),
    ],
)
def test_every_boot_reason_has_a_name(
    guest: BootedGuest, pvctl: Pvctl, reason: BootReason, text: str
) -> None:
    guest.machine.boot_reason = reason
    assert guest.read(f"{DEVICE}/boot_reason") == f"{text}\n"


@pytest.mark.parametrize(
    ("feature", "attribute"), [(Feature.BOOT_REASON, "boot_reason"), (Feature.SHUTDOWN, "exit_code")]
)
def test_attribute_is_absent_without_its_feature(
    guest: BootedGuest, pvctl: Pvctl, feature: Feature, attribute: str
) -> None:
    pvctl.FEATURES = ALL_FEATURES & ~feature
    rebind(guest)
    assert guest.read(f"{DEVICE}/features") == f"{ALL_FEATURES & ~feature:#x}\n"
    with pytest.raises(RequestRefusedError, match="ENOENT"):
        guest.read(f"{DEVICE}/{attribute}")


@pytest.mark.parametrize("attribute", ["version", "features", "boot_reason"])
def test_attribute_cannot_be_written(guest: BootedGuest, attribute: str) -> None:
    with pytest.raises(RequestRefusedError, match="EACCES"):
        guest.write(f"{DEVICE}/{attribute}", "1")


def test_exit_code_is_what_was_written_last(guest: BootedGuest) -> None:
    guest.write(f"{DEVICE}/exit_code", "0x2a\n")
    with pytest.raises(RequestRefusedError) as refused:
        guest.write(f"{DEVICE}/exit_code", "many")
    assert refused.value.number == errno.EINVAL
    assert guest.read(f"{DEVICE}/exit_code") == "42\n"


def test_exit_code_is_forgotten_when_the_driver_is_unbound(guest: BootedGuest) -> None:
    guest.write(f"{DEVICE}/exit_code", "42")
    rebind(guest)
    assert guest.read(f"{DEVICE}/exit_code") == "0\n"


def test_every_attribute_is_documented() -> None:
    what = r"^What:\t\t/sys/bus/platform/drivers/pvctl/<device>/(\w+)$"
    documented = re.findall(what, ABI.read_text(encoding="utf-8"), re.MULTILINE)
    source = (DRIVER_SOURCES / "pvctl.c").read_text(encoding="utf-8")
    assert documented == re.findall(r"^static DEVICE_ATTR_R[OW]\((\w+)\);$", source, re.MULTILINE)


def test_unbound_driver_leaves_the_device_as_after_a_reset(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    assert (pvctl.ENABLE, pvctl.EVENT_MASK) == (0, 0)
    # Without a handler the guest cannot power itself off.
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert not pvctl.commands


def test_driver_that_is_bound_again_works_as_before(guest: BootedGuest, pvctl: Pvctl) -> None:
    for _ in range(8):
        rebind(guest)
    assert (pvctl.ENABLE, pvctl.EVENT_MASK) == (ALL_FEATURES, ALL_EVENTS)
    # What goes well is not worth a word.
    assert guest.console == ""
    guest.run("poweroff")
    assert pvctl.commands == [Command.SHUTDOWN()]

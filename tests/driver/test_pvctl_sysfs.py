# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's files in sysfs: its attributes, and "unbind" and "bind"."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import ALL_FEATURES, BootReason, Command, Event, Feature
from paradrive_tools.guest_build.paths import DRIVER_SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

    FilesOfGuest = Callable[..., list[str]]

NAME = "f00000000.pvctl"
DEVICE = f"/sys/bus/platform/devices/{NAME}"
ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
VERSION, FEATURES, BOOT_REASON = (f"{DEVICE}/{name}" for name in ("version", "features", "boot_reason"))
UNBIND, BIND = (f"/sys/bus/platform/drivers/pvctl/{name}={NAME}" for name in ("unbind", "bind"))
ABI = DRIVER_SOURCES / "Documentation/ABI/testing/sysfs-driver-pvctl"


def test_attributes_tell_what_the_device_says(files_of_guest: FilesOfGuest) -> None:
    def prepare(guest: Guest) -> None:
        guest.pvctl.VERSION = 1 << 16 | 23
        guest.pvctl.FEATURES = ALL_FEATURES | 1 << 31

    assert files_of_guest(VERSION, FEATURES, BOOT_REASON, prepare=prepare) == [
        f"{VERSION}: 1.23",
        f"{FEATURES}: 0x1f",
        f"{BOOT_REASON}: cold",
    ]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (BootReason.COLD, "cold"),
        (BootReason.GUEST_RESET, "guest-reset"),
        (BootReason.HOST_RESET, "host-reset"),
        (BootReason.AFTER_CRASH, "after-crash"),
        (max(BootReason) + 1, "unknown"),
    ],
)
def test_every_boot_reason_has_a_name(files_of_guest: FilesOfGuest, reason: BootReason, text: str) -> None:
    def prepare(guest: Guest) -> None:
        guest.pvctl.boot_reason = reason

    assert files_of_guest(BOOT_REASON, prepare=prepare) == [f"{BOOT_REASON}: {text}"]


def test_without_its_feature_there_is_no_boot_reason(files_of_guest: FilesOfGuest) -> None:
    def prepare(guest: Guest) -> None:
        guest.pvctl.FEATURES = ALL_FEATURES & ~Feature.BOOT_REASON

    assert files_of_guest(FEATURES, BOOT_REASON, prepare=prepare) == [
        f"{FEATURES}: 0xf",
        f"{BOOT_REASON}: errno {errno.ENOENT}",
    ]


@pytest.mark.parametrize("attribute", [VERSION, FEATURES, BOOT_REASON])
def test_attributes_cannot_be_written(files_of_guest: FilesOfGuest, attribute: str) -> None:
    assert files_of_guest(f"{attribute}=1") == [f"{attribute}: errno {errno.EACCES}"]


def test_every_attribute_is_documented() -> None:
    what = r"^What:\t\t/sys/bus/platform/drivers/pvctl/<device>/(\w+)$"
    documented = re.findall(what, ABI.read_text(encoding="utf-8"), re.MULTILINE)
    source = (DRIVER_SOURCES / "pvctl.c").read_text(encoding="utf-8")
    assert documented == re.findall(r"^static DEVICE_ATTR_RO\((\w+)\);$", source, re.MULTILINE)


def test_unbound_driver_leaves_the_device_as_after_a_reset(files_of_guest: FilesOfGuest) -> None:
    guests: list[Guest] = []
    assert files_of_guest(UNBIND, VERSION, prepare=guests.append) == [f"{VERSION}: errno {errno.ENOENT}"]
    pvctl = guests[0].pvctl
    assert (pvctl.ENABLE, pvctl.EVENT_MASK) == (0, 0)
    # Without a handler the guest cannot power itself off.
    assert not pvctl.commands


def test_driver_that_is_bound_again_works_as_before(files_of_guest: FilesOfGuest) -> None:
    guests: list[Guest] = []
    steps = (UNBIND, BIND) * 8
    assert files_of_guest(*steps, FEATURES, prepare=guests.append) == [f"{FEATURES}: 0x1f"]
    (guest,) = guests
    assert guest.pvctl.EVENT_MASK == ALL_EVENTS
    assert [record.command for record in guest.pvctl.commands] == [Command.SHUTDOWN]
    assert guest.console.count("features 0x1f") == 9

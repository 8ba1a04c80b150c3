# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own driver of pvpanic, unmodified: one that this project has not written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import Event
from paradrive.devices.pvpanic import ALL_EVENTS, Pvpanic, PvpanicEvent
from paradrive.guest.agent import RequestRefusedError
from paradrive.machine.outcome import Panicked, PoweredOff
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.guest import GuestFiles
from paradrive.testing.trees import tree_fdt
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.paths import TREE_SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devices.pvctl import Pvctl

#: A kernel that has panicked restarts at once.
RESTARTS = "panic=-1"
pytestmark = pytest.mark.guest(dtb="pvpanic.dts", append=RESTARTS)

HERE = Path(__file__).parent
#: Of each CPU's kernel, in the order in which they are loaded.
MODULES = ("drivers/misc/pvpanic/pvpanic.ko", "drivers/misc/pvpanic/pvpanic-mmio.ko")
DEVICE = "/sys/bus/platform/devices/f00001000.pvpanic"
EVENTS, CAPABILITY = f"{DEVICE}/events", f"{DEVICE}/capability"
#: Ten boots.
BUDGET = 100_000_000


def load_driver(guest: BootedGuest, kernel: Path) -> None:
    for module in MODULES:
        guest.insmod(kernel.parent / module)


@pytest.fixture
def pvpanic(guest: BootedGuest, guest_files: GuestFiles) -> Pvpanic:
    """Return the device, with the driver bound to it."""
    load_driver(guest, guest_files.kernel)
    return guest.device(Pvpanic)


def panic(guest: BootedGuest) -> None:
    guest.pvctl.request(Event.CRASH)
    assert isinstance(guest.machine.run(BUDGET, reset_limit=0), Panicked)


def test_driver_finds_what_the_host_offers(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    assert int(guest.read(CAPABILITY), 16) == int(guest.read(EVENTS), 16) == ALL_EVENTS
    assert pvpanic.guest_errors.count == 0


def test_panic_is_reported(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    panic(guest)
    assert pvpanic.reports == [PvpanicEvent.PANICKED]


def test_power_off_is_reported_where_nothing_else_powers_off(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    guest.rmmod("pvctl")
    assert guest.run("poweroff").outcome == PoweredOff(0, through="pvpanic")
    assert pvpanic.reports == [PvpanicEvent.SHUTDOWN]


def test_pvctl_powers_off_before_pvpanic_does(guest: BootedGuest, pvctl: Pvctl, pvpanic: Pvpanic) -> None:
    assert guest.run("poweroff").outcome == PoweredOff(0, through="pvctl")
    assert pvpanic.reports == []


def test_pvctl_powers_off_before_pvpanic_does_on_a_late_host(
    guest: BootedGuest, pvctl: Pvctl, pvpanic: Pvpanic
) -> None:
    pvctl.delay = 100_000
    assert guest.run("poweroff -c 3").outcome == PoweredOff(3, through="pvctl")
    assert pvpanic.reports == []


def test_host_that_offers_less_is_told_less(guest: BootedGuest, guest_files: GuestFiles) -> None:
    pvpanic = guest.device(Pvpanic)
    pvpanic.EVENTS = int(PvpanicEvent.CRASH_LOADED)
    load_driver(guest, guest_files.kernel)
    assert int(guest.read(CAPABILITY), 16) == PvpanicEvent.CRASH_LOADED
    panic(guest)
    assert pvpanic.reports == []


def test_events_are_chosen_through_sysfs(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    guest.write(EVENTS, f"{PvpanicEvent.SHUTDOWN:x}")
    panic(guest)
    assert pvpanic.reports == []


def test_events_that_the_host_does_not_offer_cannot_be_chosen(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    with pytest.raises(RequestRefusedError, match="EINVAL"):
        guest.write(EVENTS, "f")
    assert int(guest.read(EVENTS), 16) == ALL_EVENTS


def test_driver_that_is_unloaded_reports_nothing(guest: BootedGuest, pvpanic: Pvpanic) -> None:
    guest.rmmod("pvpanic_mmio")
    panic(guest)
    assert pvpanic.reports == []


@pytest.fixture
def e500mc() -> Iterator[BootedGuest]:
    built = ensure_guest("e500mc")
    files = GuestFiles(built.kernel, built.initrd, built.dtb)
    tree = tree_fdt(HERE / "pvpanic-e500mc.dts", [TREE_SOURCES])
    guest = BootedGuest(Recipe(files, tree, append=RESTARTS, cpu="e500mc"))
    yield guest
    guest.destroy()


def test_panic_of_an_e500mc_is_reported(e500mc: BootedGuest) -> None:
    load_driver(e500mc, ensure_guest("e500mc").kernel)
    panic(e500mc)
    assert e500mc.device(Pvpanic).reports == [PvpanicEvent.PANICKED]

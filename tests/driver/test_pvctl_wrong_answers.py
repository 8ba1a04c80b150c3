# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a broken device answers, the driver does no harm, and says so where it can tell."""

from __future__ import annotations

from errno import ENODEV, EOPNOTSUPP
from typing import TYPE_CHECKING

import pytest
from binding import DEVICE, bind, complaints, unbind

from paradrive.devices.pvctl import ALL_FEATURES, IDENTIFICATION, Command, Event, Status
from paradrive.machine.outcome import ResetLimit

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

ONES = 0xFFFF_FFFF
ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
#: The other byte order, a version in its place, and one bit off.
WRONG_IDS = (int.from_bytes(IDENTIFICATION.to_bytes(4, "big"), "little"), 0, 1 << 16, IDENTIFICATION ^ 1)
#: Interrupts of which nobody takes notice until Linux disables their line (kernel/irq/spurious.c), all but
#: a few that the guest is left to count by itself.
UNHANDLED = 100_000 - 10
#: Bytes of a struct irq_desc in which the counters are.
DESCRIPTOR_SIZE = 128


def assert_guest_is_well(guest: BootedGuest) -> None:
    assert guest.read("/proc/version").startswith("Linux version")
    assert complaints(guest) == []


def assert_probe_refuses(guest: BootedGuest, pvctl: Pvctl, error: int, complaint: str) -> None:
    """Assert that ``probe`` fails, has changed nothing in the device, and left nothing behind."""
    assert bind(guest) == error
    assert f"pvctl f00000000.pvctl: error -{error}: {complaint}" in guest.console
    writes = [traced.access for traced in guest.accesses if traced.access.is_write]
    assert [access.register for access in writes] == ["ENABLE", "EVENT_MASK", "ENABLE"], (
        "only those of unbind"
    )
    assert "pvctl" not in guest.read("/proc/iomem") + guest.read("/proc/interrupts")
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert not pvctl.commands
    assert complaints(guest) == []


def test_probe_refuses_a_device_that_is_not_there(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    guest.answer_all_ones(pvctl)
    assert_probe_refuses(guest, pvctl, ENODEV, "unknown device ID 0xffffffff")


@pytest.mark.parametrize("value", WRONG_IDS, ids=hex)
def test_probe_refuses_another_id(guest: BootedGuest, pvctl: Pvctl, value: int) -> None:
    unbind(guest)
    guest.answer(pvctl, "ID", value)
    assert_probe_refuses(guest, pvctl, ENODEV, f"unknown device ID {value:#010x}")


@pytest.mark.parametrize("major", [0, 2, 0xFFFF])
def test_probe_refuses_an_unknown_major_version(guest: BootedGuest, pvctl: Pvctl, major: int) -> None:
    unbind(guest)
    guest.answer(pvctl, "VERSION", major << 16)
    assert_probe_refuses(guest, pvctl, EOPNOTSUPP, f"unknown major version {major}")


def test_probe_enables_what_it_knows_of_features_that_cannot_be(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    guest.answer(pvctl, "FEATURES", ONES)
    assert bind(guest) == 0
    assert pvctl.ENABLE == ALL_FEATURES
    assert_guest_is_well(guest)


def test_a_feature_that_the_device_only_pretends_to_have_is_refused_and_said(
    guest: BootedGuest, pvctl: Pvctl
) -> None:
    unbind(guest)
    guest.answer(pvctl, "FEATURES", ALL_FEATURES)
    pvctl.FEATURES = 0
    assert bind(guest) == 0
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert pvctl.commands == [Command.RESET(status=Status.NOT_ENABLED)]
    assert "pvctl f00000000.pvctl: reset refused, status 2" in guest.console
    assert complaints(guest) == []


def test_a_device_that_goes_away_leaves_the_restart_to_another_handler(
    guest: BootedGuest, pvctl: Pvctl
) -> None:
    guest.answer_all_ones(pvctl)
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert not pvctl.commands
    assert f"pvctl f00000000.pvctl: reset refused, status {ONES}" in guest.console
    assert complaints(guest) == []


def test_a_device_that_goes_away_can_be_unbound(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.answer_all_ones(pvctl)
    assert guest.read(f"{DEVICE}/boot_reason") == "unknown reason\n"
    unbind(guest)
    assert bind(guest) == ENODEV
    assert_guest_is_well(guest)


def test_events_that_are_not_defined_ask_for_nothing(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.answer(pvctl, "EVENT", ONES & ~ALL_EVENTS)
    line = guest.hold_interrupt(pvctl)
    guest.run_until(instructions=200_000)
    line.set(False)
    reads = [traced.access.register for traced in guest.accesses].count("EVENT")
    assert reads > 10
    assert_guest_is_well(guest)
    assert not pvctl.commands


def test_a_device_that_is_gone_requests_no_crash(guest: BootedGuest, pvctl: Pvctl) -> None:
    line = guest.hold_interrupt(pvctl)
    guest.answer_all_ones(pvctl)
    guest.run_until(instructions=200_000)
    line.set(False)
    assert_guest_is_well(guest)
    assert "requests" not in guest.console


def pretend_unhandled_interrupts(guest: BootedGuest, number: int) -> None:
    """Let the kernel believe that there have been so many more interrupts of which nobody took notice.

    100,000 of them would take 20 seconds. Where the kernel counts them is seen in calls of its function: it
    is the words of the descriptor that grow by one each time. It counts from the third call on.
    """
    snapshots = []
    for _ in range(5):
        guest.run_until(symbol="note_interrupt")
        descriptor = guest.machine.vcpu.state.gpr[3]
        places = range(descriptor, descriptor + DESCRIPTOR_SIZE, 4)
        snapshots.append([guest.memory.read_word(place) or 0 for place in places])
    counters = [
        (place, new)
        for place, old, middle, new in zip(places, *snapshots[2:], strict=True)
        if (middle - old, new - middle) == (1, 1)
    ]
    assert len(counters) == 3, "all interrupts, those since the last look, and those unhandled"
    for place, value in counters:
        physical = guest.memory.physical(place)
        assert physical is not None
        guest.memory.write(physical, (value + number).to_bytes(4, "big"))


def test_a_storm_of_interrupts_ends_with_their_line_disabled(guest: BootedGuest, pvctl: Pvctl) -> None:
    line = guest.hold_interrupt(pvctl)
    pretend_unhandled_interrupts(guest, UNHANDLED)
    guest.run_until(line="Disabling IRQ")
    assert "nobody cared" in guest.console
    # The rest of the driver works, and all of it when the device has been mended.
    assert guest.read(f"{DEVICE}/version") == "1.0\n"
    line.set(False)
    unbind(guest)
    assert bind(guest) == 0
    assert pvctl.request(Event.REBOOT)
    guest.run_until(access=lambda access: access.register == "COMMAND")

# SPDX-License-Identifier: GPL-2.0-or-later
"""pvpanic: what the host offers, and what reaches it of what a guest reports."""

from __future__ import annotations

import pytest
from recording_host import RecordingHost

from paradrive.devices.detached import detached
from paradrive.devices.pvpanic import ALL_EVENTS, Pvpanic, PvpanicEvent

PANICKED, CRASH_LOADED, SHUTDOWN = PvpanicEvent


CALLS = {PANICKED: "panicked", CRASH_LOADED: "crashed", SHUTDOWN: ("power_off", 0)}


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()


def attached(pvpanic: Pvpanic, host: RecordingHost) -> Pvpanic:
    pvpanic.attach(detached(host=host))
    return pvpanic


@pytest.fixture
def pvpanic(host: RecordingHost) -> Pvpanic:
    return attached(Pvpanic(), host)


@pytest.mark.parametrize("events", [ALL_EVENTS, PANICKED, PANICKED | CRASH_LOADED, PvpanicEvent(0)])
def test_driver_reads_what_the_host_offers(events: PvpanicEvent) -> None:
    assert Pvpanic(events=events).read(0, 1) == events


@pytest.mark.parametrize(
    ("value", "event"),
    [(1, PANICKED), (2, CRASH_LOADED), (4, SHUTDOWN), (7, PANICKED), (6, CRASH_LOADED)],
)
def test_one_event_of_a_write_reaches_the_host(
    pvpanic: Pvpanic, host: RecordingHost, value: int, event: PvpanicEvent
) -> None:
    pvpanic.write(0, 1, value)
    assert (host.calls, pvpanic.reports) == ([CALLS[event]], [event])
    assert pvpanic.read(0, 1) == ALL_EVENTS
    assert pvpanic.guest_errors.count == 0


def test_event_that_the_host_does_not_offer_is_a_guest_error(host: RecordingHost) -> None:
    pvpanic = attached(Pvpanic(events=CRASH_LOADED), host)
    pvpanic.write(0, 1, 1)
    assert host.calls == []
    pvpanic.write(0, 1, 0x83)
    assert host.calls == ["crashed"]
    assert [error.value for error in pvpanic.guest_errors.entries] == [1, 0x83]


@pytest.mark.parametrize(("offset", "size"), [(0, 2), (0, 4), (1, 1)])
def test_any_other_access_is_a_guest_error(
    pvpanic: Pvpanic, host: RecordingHost, offset: int, size: int
) -> None:
    assert pvpanic.read(offset, size) == 0
    pvpanic.write(offset, size, 1)
    assert pvpanic.guest_errors.count == 2
    assert host.calls == []


def test_reports_of_a_guest_without_end_are_bounded(pvpanic: Pvpanic) -> None:
    for _ in range(2 * Pvpanic.REPORTS_KEPT):
        pvpanic.write(0, 1, SHUTDOWN)
    assert len(pvpanic.reports) == Pvpanic.REPORTS_KEPT


def test_what_the_host_offers_is_not_the_guests_to_save(pvpanic: Pvpanic) -> None:
    pvpanic.write(0, 1, CRASH_LOADED)
    elsewhere = Pvpanic(events=PANICKED)
    elsewhere.load(pvpanic.save())
    assert elsewhere.read(0, 1) == PANICKED
    assert elsewhere.reports == []

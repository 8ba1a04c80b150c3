# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver works with whatever a host offers: it enables just that, as far as it knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from binding import bind, unbind

from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
UNKNOWN_FEATURES = 0xFFFF_FFE0


@pytest.fixture
def bind_to(guest: BootedGuest, pvctl: Pvctl, features: int) -> None:
    """Let the driver find a device that offers ``features``."""
    unbind(guest)
    pvctl.FEATURES = features
    assert bind(guest) == 0


@pytest.mark.usefixtures("bind_to")
@pytest.mark.parametrize("features", range(ALL_FEATURES + 1))
def test_driver_enables_exactly_what_the_host_offers(guest: BootedGuest, pvctl: Pvctl, features: int) -> None:
    assert features == pvctl.ENABLE
    assert (ALL_EVENTS if features & Feature.EVENTS else 0) == pvctl.EVENT_MASK
    guest.run("reboot")
    assert pvctl.commands == ([Command.RESET()] if features & Feature.RESET else [])
    assert pvctl.guest_errors.count == 0


@pytest.mark.usefixtures("bind_to")
@pytest.mark.parametrize("features", [UNKNOWN_FEATURES, UNKNOWN_FEATURES | ALL_FEATURES])
def test_driver_leaves_features_off_that_it_does_not_know(pvctl: Pvctl, features: int) -> None:
    assert features & ALL_FEATURES == pvctl.ENABLE

# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver works with whatever a host offers: it enables just that, as far as it knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
UNKNOWN_FEATURES = 0xFFFF_FFE0
BOUND = "init: pvctl bound to f00000000.pvctl"


def restart_with(boot: Boot, features: int) -> Guest:
    guest = boot(append="act=restart")
    guest.pvctl.FEATURES = features
    guest.run()
    assert BOUND in guest.console
    assert guest.pvctl.guest_errors.count == 0
    return guest


@pytest.mark.parametrize("features", range(ALL_FEATURES + 1))
def test_driver_enables_exactly_what_the_host_offers(boot: Boot, features: int) -> None:
    pvctl = restart_with(boot, features).pvctl
    assert features == pvctl.ENABLE
    assert (ALL_EVENTS if features & Feature.EVENTS else 0) == pvctl.EVENT_MASK
    assert [record.command for record in pvctl.commands] == (
        [Command.RESET] if features & Feature.RESET else []
    )


@pytest.mark.parametrize("known", [0, ALL_FEATURES])
def test_driver_leaves_features_off_that_it_does_not_know(boot: Boot, known: int) -> None:
    assert known == restart_with(boot, UNKNOWN_FEATURES | known).pvctl.ENABLE

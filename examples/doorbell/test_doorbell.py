# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver of the doorbell on the model of the doorbell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from doorbell import Doorbell

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

ANSWER = "doorbell f00001000.doorbell: somebody is at the door"


@pytest.fixture
def guest(boot: Callable[..., Guest]) -> Guest:
    """Return a guest that has booted and is idle."""
    guest = boot(append="act=idle")
    guest.run()
    return guest


def test_driver_binds_to_its_node(guest: Guest) -> None:
    assert "init: doorbell bound to f00001000.doorbell" in guest.console


def test_driver_answers_each_ring_once(guest: Guest) -> None:
    bell = guest.device(Doorbell)
    for rings in (1, 2):
        bell.ring()
        guest.run()
        assert guest.console.count(ANSWER) == rings
        assert bell.RUNG == 0


def test_driver_touches_nothing_that_is_not_defined(guest: Guest) -> None:
    guest.device(Doorbell).ring()
    guest.run()
    assert guest.device(Doorbell).guest_errors.count == 0

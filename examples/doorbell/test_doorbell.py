# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver of the doorbell on the model of the doorbell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from doorbell import Doorbell

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest

DEVICE = "/sys/bus/platform/drivers/doorbell/f00001000.doorbell"
ANSWER = "doorbell f00001000.doorbell: somebody is at the door"
#: Instructions in which a driver that answers more than once would do so.
A_WHILE = 1_000_000


@pytest.fixture
def bell(guest: BootedGuest) -> Doorbell:
    """Return the doorbell of the test's guest."""
    return guest.device(Doorbell)


def test_driver_binds_to_its_node(guest: BootedGuest) -> None:
    assert guest.read(f"{DEVICE}/modalias") == "of:NdoorbellT(null)Cacme,doorbell\n"


def test_driver_answers_each_ring_once(guest: BootedGuest, bell: Doorbell) -> None:
    for rings in (1, 2):
        bell.ring()
        guest.run_until(line=ANSWER)
        guest.run_until(instructions=A_WHILE)
        assert guest.console.count(ANSWER) == rings
        assert bell.RUNG == 0


def test_driver_touches_nothing_that_is_not_defined(guest: BootedGuest, bell: Doorbell) -> None:
    bell.ring()
    guest.run_until(line=ANSWER)
    assert bell.guest_errors.count == 0

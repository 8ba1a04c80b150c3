# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host determines of a device, a test may change; the next one finds it as after the boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices import RO, Register, RegisterArray, RegisterDevice, Window

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest


class Card(RegisterDevice):
    compatible = ("acme,card",)
    ID = Register(0x0, RO, "Who it is.", constant=True)
    SPEEDS = RegisterArray(0x4, RO, "Of each lane.", dimensions=((2, 4),), constant=True)
    ADDRESS = Window(0x10, 6, RO, "Of its port.", constant=True)

    def __init__(self) -> None:
        super().__init__()
        self.ID, self.SPEEDS[:], self.ADDRESS[:] = 7, (10, 100), b"\2acme\1"


def state_of(card: Card) -> tuple[int, list[int], bytes]:
    return card.ID, list(card.SPEEDS), bytes(card.ADDRESS)


@pytest.mark.guest(models={"qemu,pvctl": Card})
def test_constants_are_as_after_the_boot_for_each_test(guest: BootedGuest) -> None:
    card = guest.device(Card)
    before = state_of(card)
    assert before == (7, [10, 100], b"\2acme\1")
    card.ID, card.SPEEDS[1], card.ADDRESS[0] = 8, 1000, 6
    card.reset()  # no business of a guest's
    assert state_of(card) == (8, [10, 1000], b"\6acme\1")
    guest.restore()
    assert state_of(card) == before
    card.SPEEDS = [1, 1]
    guest.restore()
    assert state_of(card) == before

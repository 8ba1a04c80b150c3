# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that have been taken from a device, to be made later: what a fault makes of them.

A device that is slow by itself declares a `Timer`, which saved files hold, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.devices.services import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.clock import Event
    from paradrive.devices.device import Device


class DeferredCalls:
    """The calls of one device that are yet to be made, in the order in which they were taken."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._calls: dict[int, tuple[int, Callable[[], Any]]] = {}
        self._events: dict[int, Event] = {}
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, when: int, action: Callable[[], Any]) -> None:
        """Make a call at a guest time in nanoseconds, as if the device made it then."""
        self._number += 1
        number, settled = self._number, self._device.settling(action)

        def act() -> None:
            del self._calls[number], self._events[number]
            settled()

        self._calls[number] = when, action
        # Behind all timers of the device.
        rank = self._device.services.rank + RANKS - 1
        self._events[number] = self._device.clock.at(when, act, rank)

    def drop(self) -> None:
        """Make none of them."""
        for event in self._events.values():
            event.cancel()
        self._calls.clear()
        self._events.clear()

    def capture(self) -> Callable[[], None]:
        """Return what brings the present calls back."""
        calls = list(self._calls.values())

        def revert() -> None:
            self.drop()
            for when, action in calls:
                self.add(when, action)

        return revert

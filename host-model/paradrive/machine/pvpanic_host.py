# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine does when its guest reports an event through pvpanic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.pvpanic import PvpanicEvent
from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine


def take_note(machine: Machine, event: PvpanicEvent) -> None:
    """End the guest, or let it tell about its panic; a crash kernel that takes over ends the guest itself."""
    if event is PvpanicEvent.SHUTDOWN:
        machine.end(PoweredOff(0, through="pvpanic"))
    elif event is PvpanicEvent.PANICKED:
        machine.panicked("reported through pvpanic")
    elif event is PvpanicEvent.CRASH_LOADED:
        machine.crashed()

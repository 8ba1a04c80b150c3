# SPDX-License-Identifier: GPL-2.0-or-later
"""What pvctl asks of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.pvctl import CrashKind, ResetKind
from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine


class MachinePvctlHost:
    """Implements ``paradrive.devices.pvctl.PvctlHost``."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def shutdown(self, code: int) -> None:
        """End the guest."""
        self._machine.end(PoweredOff(code))

    def reset(self, kind: ResetKind) -> None:
        """Let the machine reset itself; the model does not tell warm from cold."""
        self._machine.request_reset()

    def crash(self, kind: CrashKind) -> None:
        """Take note of a panic; a crash kernel that takes over goes on with its work and ends the guest."""
        if kind is CrashKind.PANICKED:
            self._machine.panicked("reported through pvctl")
        else:
            self._machine.crashed()

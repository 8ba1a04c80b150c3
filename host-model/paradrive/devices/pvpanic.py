# SPDX-License-Identifier: GPL-2.0-or-later
"""The device through which a guest tells its host that it has panicked, as QEMU has it on other machines.

Source: hw/misc/pvpanic-mmio.c and docs/specs/pvpanic.rst of QEMU; include/uapi/misc/pvpanic.h of Linux. The
second byte, which in QEMU does the same as the first and which no driver uses, is not modelled.
"""

from __future__ import annotations

import enum
from collections import deque

from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register
from paradrive.devices.state import State


class PvpanicEvent(enum.IntFlag):
    """What a guest can report."""

    PANICKED = 1 << 0
    CRASH_LOADED = 1 << 1
    SHUTDOWN = 1 << 2


ALL_EVENTS = PvpanicEvent.PANICKED | PvpanicEvent.CRASH_LOADED | PvpanicEvent.SHUTDOWN


class Pvpanic(RegisterDevice):
    """The device "qemu,pvpanic-mmio".

    ``events`` is what the host offers; to report anything else is a guest error.
    """

    compatible = ("qemu,pvpanic-mmio",)
    #: How many reports are remembered; a guest can write without end.
    REPORTS_KEPT = 64

    EVENTS = Register(
        0x00,
        RW,
        "Reads as the events that the host offers; writing one reports it.",
        width=1,
        fields=PvpanicEvent,
        constant=True,
    )
    recent = State(deque, limit=REPORTS_KEPT, survives_reset=True, saved=False)

    def __init__(self, *, events: int = ALL_EVENTS) -> None:
        super().__init__()
        self.EVENTS = int(events)

    @property
    def reports(self) -> list[PvpanicEvent]:
        """The last reports of the guest, in their order."""
        return list(self.recent)

    @EVENTS.on_write
    def _write_events(self, value: int) -> None:
        if value & ~self.EVENTS:
            self.undefined_writer(Pvpanic.EVENTS.offset, Pvpanic.EVENTS.width)(value)
        # Of several, QEMU takes the worst.
        for event in PvpanicEvent:
            if value & self.EVENTS & event:
                self.recent.append(event)
                self._tell(event)
                return

    def _tell(self, event: PvpanicEvent) -> None:
        if event is PvpanicEvent.SHUTDOWN:
            self.host.power_off(0)
        elif event is PvpanicEvent.PANICKED:
            self.host.panicked()
        else:
            self.host.crashed()

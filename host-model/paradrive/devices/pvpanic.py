# SPDX-License-Identifier: GPL-2.0-or-later
"""The device through which a guest tells its host that it has panicked, as QEMU has it on other machines.

Source: hw/misc/pvpanic-mmio.c and docs/specs/pvpanic.rst of QEMU; include/uapi/misc/pvpanic.h of Linux. The
second byte, which in QEMU does the same as the first and which no driver uses, is not modelled.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING

from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class PvpanicEvent(enum.IntFlag):
    """What a guest can report."""

    PANICKED = 1 << 0
    CRASH_LOADED = 1 << 1
    SHUTDOWN = 1 << 2


ALL_EVENTS = PvpanicEvent.PANICKED | PvpanicEvent.CRASH_LOADED | PvpanicEvent.SHUTDOWN


class Pvpanic(RegisterDevice):
    """The device "qemu,pvpanic-mmio".

    ``report`` is called, from inside the guest's write, with the event that it reports. ``events`` is what
    the host offers; to report anything else is a guest error.
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

    def __init__(self, report: Callable[[PvpanicEvent], None], *, events: int = ALL_EVENTS) -> None:
        super().__init__()
        self.EVENTS = int(events)
        self._report = report
        self._reports: deque[PvpanicEvent] = deque(maxlen=self.REPORTS_KEPT)

    @property
    def reports(self) -> list[PvpanicEvent]:
        """The last reports of the guest, in their order."""
        return list(self._reports)

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; what was reported before belongs to the past."""
        super().load(state)
        self._reports.clear()

    @EVENTS.on_write
    def _write_events(self, value: int) -> None:
        if value & ~self.EVENTS:
            self.undefined_writer(Pvpanic.EVENTS.offset, Pvpanic.EVENTS.width)(value)
        # Of several, QEMU takes the worst.
        for event in PvpanicEvent:
            if value & self.EVENTS & event:
                self._reports.append(event)
                self._report(event)
                return

# SPDX-License-Identifier: GPL-2.0-or-later
"""The console device (VIRTIO 1.2, 5.3), with one port: what the guest prints, and what its host types."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from paradrive.devices.registers import RO, WO
from paradrive.devices.state import State
from paradrive.devices.virtio.device import VirtioDevice
from paradrive.devices.virtio.mmio import ConfigField

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.virtio.chain import Chain

#: How much of the output is remembered, and how much input waits, in bytes; a guest can print without end.
OUTPUT_KEPT, MAX_INPUT = 1 << 16, 1 << 16


class ConsoleFeature(enum.IntFlag):
    """What a console can have (5.3.3)."""

    SIZE = 1 << 0
    EMERG_WRITE = 1 << 2


class VirtioConsole(VirtioDevice):
    """A console. ``transmit`` gets what the guest sends; the last of it is in ``output``, too."""

    model_names = ("virtio-console",)
    device_id = 3
    queues = ("receiveq", "transmitq")
    RECEIVE, TRANSMIT = 0, 1
    features = int(ConsoleFeature.SIZE | ConsoleFeature.EMERG_WRITE)

    cols = ConfigField(0, 2, RO, "Columns of the host's terminal.", reset=80, constant=True)
    rows = ConfigField(2, 2, RO, "Its rows.", reset=25, constant=True)
    emerg_wr = ConfigField(8, 4, WO, "Prints a character, before any queue is set up.")

    output = State(bytes, limit=OUTPUT_KEPT, survives_reset=True, saved=False)
    #: What the host has typed and the guest has not yet taken.
    typed = State(bytes, limit=MAX_INPUT, survives_reset=True)

    def __init__(self, transmit: Callable[[bytes], None] = lambda data: None) -> None:
        self.transmit = transmit
        super().__init__()

    def receive(self, data: bytes) -> None:
        """Type; what does not fit any more is lost."""
        self.typed = (self.typed + data)[:MAX_INPUT]
        self._fill()

    def resize(self, columns: int, rows: int) -> None:
        """Tell the guest of another size of the terminal."""
        self.cols, self.rows = columns, rows
        self.config_changed()

    def request(self, queue: int, chain: Chain) -> None:
        """Print what is sent; keep a buffer for what will be typed."""
        if queue == self.TRANSMIT:
            self._print(chain.read())
            chain.complete()
        else:
            self._fill()

    def _fill(self) -> None:
        """Give what was typed to the guest, as far as it has buffers for it."""
        for chain in self.waiting(self.RECEIVE) if self.typed else ():
            room = chain.writable_size
            data, self.typed = self.typed[:room], self.typed[room:]
            chain.complete(data)
            if not self.typed:
                break

    def _print(self, data: bytes) -> None:
        self.output = (self.output + data)[-OUTPUT_KEPT:]
        self.transmit(data)

    @emerg_wr.on_write
    def _print_in_an_emergency(self, value: int) -> None:
        self._print(bytes([value & 0xFF]))

# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver of virtio devices for tests: it sets up a device, and works its split queues in guest RAM."""

from __future__ import annotations

from struct import pack, unpack
from typing import TYPE_CHECKING

from paradrive.cpu.clock import Clock
from paradrive.devices.detached import detached
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.virtio.mmio import RING_EVENT_IDX, RING_INDIRECT_DESC, VERSION_1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.devices.virtio import VirtioDevice

RAM_SIZE = 1 << 20
#: Each queue has 64 KiB for its areas, from here on, and all buffers are behind them.
QUEUES, AREA, BUFFERS = 0x10000, 0x10000, 0x80000
NEXT, WRITE, INDIRECT = 1, 2, 4
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64

Buffer = tuple[int, int, bool]
"""Address, size, and whether the device writes it."""


class Driver:
    """The driver of one device. ``size`` is the number of descriptors of each of its queues."""

    def __init__(
        self, device: VirtioDevice, *, features: int = RING_EVENT_IDX | RING_INDIRECT_DESC, size: int = 8
    ) -> None:
        self.device, self.size = device, size
        self.features = features | VERSION_1
        self.now, self.clock = 0, Clock()
        self.clock.read = lambda: self.now
        self.line = InterruptLine()
        device.attach(detached(clock=self.clock, ram=RAM_SIZE, lines={0: self.line}))
        self.memory = device.memory
        self.available = [0] * len(device.queues)
        self.used = [0] * len(device.queues)

    # Registers

    def get(self, offset: int, size: int = 4) -> int:
        return int.from_bytes(self.device.read(offset, size).to_bytes(size, "big"), "little")

    def set(self, offset: int, value: int, size: int = 4) -> None:
        self.device.write(offset, size, int.from_bytes(value.to_bytes(size, "little"), "big"))

    @property
    def status(self) -> int:
        return self.get(0x70)

    def probe(self) -> None:
        """Do what a driver does up to DRIVER_OK (VIRTIO 1.2, 3.1.1)."""
        self.negotiate(self.features)
        for number in range(len(self.device.queues)):
            self.set_up(number)
        self.set(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

    def negotiate(self, features: int) -> bool:
        self.set(0x70, 0)
        self.set(0x70, ACKNOWLEDGE | DRIVER)
        for half in (0, 1):
            self.set(0x24, half)
            self.set(0x20, features >> 32 * half & 0xFFFF_FFFF)
        self.set(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        return bool(self.status & FEATURES_OK)

    def areas(self, number: int) -> tuple[int, int, int]:
        """Return where the descriptors, the available ring and the used ring of a queue are."""
        first = QUEUES + number * AREA
        return first, first + 0x4000, first + 0x8000

    def set_up(self, number: int) -> None:
        self.memory.write(QUEUES + number * AREA, bytes(AREA))
        self.available[number] = self.used[number] = 0
        self.set(0x30, number)
        self.set(0x38, self.size)
        for register, area in zip((0x80, 0x90, 0xA0), self.areas(number), strict=True):
            self.set(register, area)
            self.set(register + 4, 0)
        self.set(0x44, 1)

    def notify(self, number: int = 0) -> None:
        self.set(0x50, number)

    def pass_time(self, nanoseconds: int) -> None:
        end = self.now + nanoseconds
        while (due := self.clock.next_event()) is not None and due <= end:
            self.now = due
            self.clock.run_due(due)
        self.now = end

    # Rings

    def describe(self, number: int, place: int, address: int, size: int, flags: int, following: int) -> None:
        """Write a descriptor."""
        self.memory.write(self.areas(number)[0] + 16 * place, pack("<QIHH", address, size, flags, following))

    def chain(self, number: int, head: int, buffers: Sequence[Buffer]) -> None:
        """Write the descriptors of a chain, from ``head`` on."""
        for place, (address, size, is_written) in enumerate(buffers, head):
            is_last = place == head + len(buffers) - 1
            flags = (WRITE if is_written else 0) | (0 if is_last else NEXT)
            self.describe(number, place, address, size, flags, 0 if is_last else place + 1)

    def offer(self, number: int, *heads: int) -> None:
        """Make chains available."""
        ring = self.areas(number)[1]
        for head in heads:
            self.memory.write(ring + 4 + 2 * (self.available[number] % self.size), pack("<H", head))
            self.available[number] = self.available[number] + 1 & 0xFFFF
        self.memory.write(ring + 2, pack("<H", self.available[number]))

    def interrupt_at(self, number: int, index: int) -> None:
        """Say at which index of the used ring the device shall interrupt."""
        self.memory.write(self.areas(number)[1] + 4 + 2 * self.size, pack("<H", index & 0xFFFF))

    def notify_at(self, number: int) -> int:
        """Return the index of the available ring at which the device wants to be notified."""
        index: int = unpack("<H", self.memory.read(self.areas(number)[2] + 4 + 8 * self.size, 2))[0]
        return index

    def take_used(self, number: int = 0) -> list[tuple[int, int]]:
        """Return what the device has given back: heads, and how many bytes it has written."""
        ring = self.areas(number)[2]
        index = unpack("<H", self.memory.read(ring + 2, 2))[0]
        found = []
        while self.used[number] != index:
            found.append(unpack("<II", self.memory.read(ring + 4 + 8 * (self.used[number] % self.size), 8)))
            self.used[number] = self.used[number] + 1 & 0xFFFF
        return found

    def acknowledge(self) -> int:
        """Take the interrupt; return why it was raised."""
        reason = self.get(0x60)
        self.set(0x64, reason)
        return reason

    def ask(self, request: bytes, room: int, number: int = 0) -> bytes:
        """Send a request; return the answer, which must come at once."""
        self.memory.write(BUFFERS, request)
        buffers: list[Buffer] = [(BUFFERS, len(request), False)] if request else []
        self.chain(number, 0, buffers + ([(BUFFERS + 0x20000, room, True)] if room else []))
        self.offer(number, 0)
        self.notify(number)
        [(head, written)] = self.take_used(number)
        assert head == 0
        return self.memory.read(BUFFERS + 0x20000, written)

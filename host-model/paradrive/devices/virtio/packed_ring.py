# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed virtqueues (VIRTIO 1.2, 2.8) as a device uses them. The driver is not trusted.

There is one ring of descriptors, which driver and device write in turn. Two flags say whose turn it is; they
change their meaning each time that the ring goes round: positions here are places, with that wrap
counter in bit 15.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from paradrive.devices.virtio.descriptors import NEXT, WRITE, Walk
from paradrive.devices.virtio.queue import InFlight, RingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devices.dma import Dma
    from paradrive.devices.virtio.queue import Queue

#: Address, size, buffer ID, flags; and the three of them that the device writes.
_DESCRIPTOR = Struct("<QIHH")
_USED_PART = Struct("<IHH")
_EVENT = Struct("<HH")
_AVAILABLE, _USED = 1 << 7, 1 << 15
_WRAP = 1 << 15
#: What the driver says of interrupts (2.8.10).
_NEVER, _AT_A_DESCRIPTOR = 1, 2


class PackedRing:
    """One queue while it is being served; all that lasts is in `Queue`."""

    #: The position at which both begin.
    START = _WRAP

    __slots__ = ("_event_index", "_indirect", "_memory", "_number", "_queue")

    def __init__(self, number: int, queue: Queue, memory: Dma, *, indirect: bool, event_index: bool) -> None:
        self._number, self._queue, self._memory = number, queue, memory
        self._indirect, self._event_index = indirect, event_index

    @staticmethod
    def check(queue: Queue, memory: Dma) -> None:
        """Raise RingError unless the queue, about to be enabled, is where the driver may have it."""
        for name, area, alignment, length in (
            ("descriptor", queue.descriptor_area, 16, _DESCRIPTOR.size * queue.size),
            ("driver", queue.driver_area, 4, _EVENT.size),
            ("device", queue.device_area, 4, _EVENT.size),
        ):
            if area % alignment or not memory.contains(area, length):
                raise RingError(f"a {name} area at {area:#x}, which is not aligned or not all RAM")

    def take(self) -> Iterator[InFlight]:
        """Yield each chain that is available, at most as many as the queue has descriptors."""
        for _ in range(self._queue.size):
            position = self._queue.next_available
            flags = self._descriptor(position)[3]
            is_ours = bool(flags & _AVAILABLE) == bool(position & _WRAP) != bool(flags & _USED)
            if not is_ours:
                return
            chain = self._walk(position)
            self._queue.next_available = self._behind(position, chain.descriptors)
            yield chain

    def _walk(self, position: int) -> InFlight:
        walk = _PackedWalk(self._memory, self._queue.size, indirect=self._indirect)
        count, follows = 0, True
        while follows:
            address, size, buffer_id, flags = self._descriptor(position)
            follows = walk.add(address, size, flags, 0)
            position = self._behind(position, 1)
            count += 1
        return InFlight(self._number, buffer_id, count, *walk.buffers)

    def _descriptor(self, position: int) -> tuple[int, int, int, int]:
        place = self._queue.descriptor_area + _DESCRIPTOR.size * (position & ~_WRAP)
        found: tuple[int, int, int, int] = _DESCRIPTOR.unpack(self._memory.read(place, _DESCRIPTOR.size))
        return found

    def _behind(self, position: int, count: int) -> int:
        """Return the position so many descriptors further."""
        place = (position & ~_WRAP) + count
        return position + count if place < self._queue.size else position + count - self._queue.size ^ _WRAP

    def give_back(self, chain: InFlight, written: int) -> bool:
        """Write the used descriptor of a chain; ``written`` is how many bytes of its buffers.

        Return whether the driver wants to be interrupted (2.8.10).
        """
        position = self._queue.next_used
        flags = (_AVAILABLE | _USED if position & _WRAP else 0) | (WRITE if written else 0)
        place = self._queue.descriptor_area + _DESCRIPTOR.size * (position & ~_WRAP)
        self._memory.write(place + 8, _USED_PART.pack(written, chain.head, flags))
        self._queue.next_used = self._behind(position, chain.descriptors)
        return self._interrupts(position, chain.descriptors)

    def _interrupts(self, since: int, count: int) -> bool:
        event, flags = _EVENT.unpack(self._memory.read(self._queue.driver_area, _EVENT.size))
        if flags != _AT_A_DESCRIPTOR or not self._event_index:
            return bool(flags != _NEVER)
        distance = (event & ~_WRAP) - (since & ~_WRAP)
        if (event ^ since) & _WRAP:
            distance += self._queue.size
        return bool(0 <= distance < count)


class _PackedWalk(Walk):
    """The tables of packed rings have their descriptors one behind the other (2.8.7)."""

    def _in_order(self, table: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int]]:
        return [(address, size, flags & ~NEXT) for address, size, _, flags in table]

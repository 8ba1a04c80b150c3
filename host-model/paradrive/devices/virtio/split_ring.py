# SPDX-License-Identifier: GPL-2.0-or-later
"""Split virtqueues (VIRTIO 1.2, 2.7) as a device uses them. The driver is not trusted."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from paradrive.devices.virtio.descriptors import DESCRIPTOR, Buffers, Walk
from paradrive.devices.virtio.queue import InFlight, RingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devices.dma import Dma
    from paradrive.devices.virtio.queue import Queue

_INDEX = Struct("<H")
_USED_ELEMENT = Struct("<II")
#: Flag of the available ring, in its first byte: the driver does not want to be interrupted.
_NO_INTERRUPT = 1 << 0
#: Where a ring begins behind its flags and its index, and the bytes of an element.
_RING, _AVAILABLE, _USED = 4, 2, 8


class SplitRing:
    """One queue while it is being served; all that lasts is in `Queue`.

    The driver area is read as a whole and once: the driver does not run meanwhile.
    """

    #: The index at which both rings begin.
    START = 0

    __slots__ = ("_available", "_event_index", "_indirect", "_memory", "_number", "_queue")

    def __init__(self, number: int, queue: Queue, memory: Dma, *, indirect: bool, event_index: bool) -> None:
        self._number, self._queue, self._memory = number, queue, memory
        self._indirect, self._event_index = indirect, event_index
        self._available = memory.read(queue.driver_area, _RING + _AVAILABLE * queue.size + 2)

    @staticmethod
    def check(queue: Queue, memory: Dma) -> None:
        """Raise RingError unless the queue, about to be enabled, is where the driver may have it."""
        size = queue.size
        if size & size - 1:
            raise RingError(f"a split queue of {size} descriptors, which is no power of 2")
        for name, area, alignment, length in (
            ("descriptor", queue.descriptor_area, 16, DESCRIPTOR.size * size),
            ("driver", queue.driver_area, 2, _RING + _AVAILABLE * size + 2),
            ("device", queue.device_area, 4, _RING + _USED * size + 2),
        ):
            if area % alignment or not memory.contains(area, length):
                raise RingError(f"a {name} area at {area:#x}, which is not aligned or not all RAM")

    def take(self) -> Iterator[InFlight]:
        """Yield each chain that is available, at most as many as the queue has descriptors."""
        queue, available = self._queue, self._available
        size, index = queue.size, _INDEX.unpack_from(available, 2)[0]
        count = index - queue.next_available & 0xFFFF
        if count > size:
            raise RingError(f"{count} chains are available in a queue of {size}")
        for _ in range(count):
            place = _RING + _AVAILABLE * (queue.next_available % size)
            head: int = _INDEX.unpack_from(available, place)[0]
            if head >= size:
                raise RingError(f"descriptor {head} in a queue of {size}")
            readable, writable = self._walk(head)
            queue.next_available = queue.next_available + 1 & 0xFFFF
            yield InFlight(self._number, head, 1, readable, writable)
        if self._event_index:
            # Let the driver notify of the next one.
            place = queue.device_area + _RING + _USED * size
            self._memory.write(place, _INDEX.pack(queue.next_available))

    def _walk(self, head: int) -> Buffers:
        queue, memory = self._queue, self._memory
        walk, place = Walk(memory, queue.size, indirect=self._indirect), head
        while True:
            descriptor = DESCRIPTOR.unpack(memory.read(queue.descriptor_area + DESCRIPTOR.size * place, 16))
            if not walk.add(*descriptor):
                return walk.buffers
            place = descriptor[3]
            if place >= queue.size:
                raise RingError(f"descriptor {place} in a queue of {queue.size}")

    def give_back(self, chain: InFlight, written: int) -> bool:
        """Put a chain into the used ring; ``written`` is how many bytes of its buffers.

        Return whether the driver wants to be interrupted (2.7.7).
        """
        queue, memory = self._queue, self._memory
        since = queue.next_used
        place = queue.device_area + _RING + _USED * (since % queue.size)
        memory.write(place, _USED_ELEMENT.pack(chain.head, written))
        queue.next_used = since + 1 & 0xFFFF
        memory.write(queue.device_area + 2, _INDEX.pack(queue.next_used))
        if not self._event_index:
            return not self._available[0] & _NO_INTERRUPT
        event: int = _INDEX.unpack_from(self._available, _RING + _AVAILABLE * queue.size)[0]
        return event == since

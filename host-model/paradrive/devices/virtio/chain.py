# SPDX-License-Identifier: GPL-2.0-or-later
"""One request of a driver, as a device's author sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.virtio.queue import InFlight, RingError

if TYPE_CHECKING:
    from paradrive.devices.virtio.device import Ring, VirtioDevice


class Chain:
    """A chain of descriptors that the driver has made available: bytes to read, and room for an answer.

    It is the device's until it completes it. A device may do so later: a chain that it leaves alone waits
    among ``device.waiting(queue)``, through snapshots and saved files, and is read from its beginning then.

    What the driver has made too short for its request ends in a device that needs a reset.
    """

    __slots__ = ("_device", "_in_flight", "_place", "_ring", "_written", "is_complete", "queue")

    def __init__(self, device: VirtioDevice, in_flight: InFlight, ring: Ring | None = None) -> None:
        self._device, self._in_flight, self._ring = device, in_flight, ring
        #: The number of the queue that it came from.
        self.queue = in_flight.queue
        self.is_complete = False
        self._place = self._written = 0

    @property
    def readable_size(self) -> int:
        """How many bytes there are to read in all."""
        return _size(self._in_flight.readable)

    @property
    def writable_size(self) -> int:
        """How many bytes of an answer there is room for in all."""
        return _size(self._in_flight.writable)

    @property
    def room(self) -> int:
        """How many bytes more can be written."""
        return self.writable_size - self._written

    def read(self, size: int | None = None) -> bytes:
        """Return the next ``size`` bytes, all that are left unless given."""
        if size is None:
            size = self.readable_size - self._place
        pieces = _part(self._in_flight.readable, self._place, size)
        self._place += size
        memory = self._device.services.memory
        return memory.read(*pieces[0]) if len(pieces) == 1 else memory.gather(pieces)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write the next bytes of the answer."""
        pieces = _part(self._in_flight.writable, self._written, len(data))
        self._written += len(data)
        memory = self._device.services.memory
        if len(pieces) == 1:
            memory.write(pieces[0][0], data)
        else:
            memory.scatter(pieces, data)

    def complete(self, data: bytes | bytearray | memoryview = b"") -> None:
        """Write the last bytes of the answer, and give the chain back to the driver."""
        if data:
            self.write(data)
        if not self.is_complete:
            self.is_complete = True
            self._device.give_back(self._in_flight, self._written, self._ring)


def _size(buffers: list[tuple[int, int]]) -> int:
    return buffers[0][1] if len(buffers) == 1 else sum(size for _, size in buffers)


def _part(buffers: list[tuple[int, int]], place: int, size: int) -> list[tuple[int, int]]:
    """Return the ``size`` bytes that begin ``place`` bytes behind the first of all buffers."""
    if place == 0 and len(buffers) == 1 and buffers[0][1] >= size:  # nearly always
        return [(buffers[0][0], size)]
    found, left = [], size
    for address, length in buffers:
        if place >= length:
            place -= length
            continue
        piece = min(length - place, left)
        if piece:
            found.append((address + place, piece))
        place, left = 0, left - piece
        if not left:
            break
    if left:
        raise RingError(f"a request whose buffers are {left} bytes too short")
    return found

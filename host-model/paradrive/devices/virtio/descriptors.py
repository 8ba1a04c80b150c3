# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of descriptors: what split and packed rings have in common."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.virtio.queue import MAX_CHAIN_SIZE, RingError

if TYPE_CHECKING:
    from paradrive.devices.dma import Dma

#: Of a split ring: address, size, flags, next.
DESCRIPTOR = Struct("<QIHH")
NEXT, WRITE, INDIRECT = 1 << 0, 1 << 1, 1 << 2


class Buffers(NamedTuple):
    """The buffers of a chain, as pairs (bus address, size)."""

    readable: list[tuple[int, int]]
    writable: list[tuple[int, int]]


class Walk:
    """Follows the descriptors of one chain, and checks them. Each method raises RingError.

    A chain has at most as many descriptors as the queue, those of an indirect table included
    (2.7.5.3.1), so that a loop ends.
    """

    __slots__ = ("_count", "_indirect", "_limit", "_memory", "_size", "buffers")

    def __init__(self, memory: Dma, limit: int, *, indirect: bool) -> None:
        self.buffers = Buffers([], [])
        self._memory, self._limit, self._indirect = memory, limit, indirect
        self._count = self._size = 0

    def add(self, address: int, size: int, flags: int, following: int) -> bool:
        """Add a descriptor of the ring; return whether another one follows."""
        if flags & INDIRECT:
            self._add_table(address, size, flags)
            return False
        self._add_buffer(address, size, flags)
        return bool(flags & NEXT)

    def _add_buffer(self, address: int, size: int, flags: int) -> None:
        self._count += 1
        if self._count > self._limit:
            raise RingError(f"a chain of more than {self._limit} descriptors")
        self._size += size
        if self._size > MAX_CHAIN_SIZE:
            raise RingError(f"a chain of more than {MAX_CHAIN_SIZE} bytes")
        if not self._memory.contains(address, size):
            raise RingError(f"a buffer of {size} bytes at {address:#x}, which are not all RAM")
        if flags & WRITE:
            self.buffers.writable.append((address, size))
        elif self.buffers.writable:
            raise RingError("a buffer to be read behind one to be written")
        else:
            self.buffers.readable.append((address, size))

    def _add_table(self, address: int, size: int, flags: int) -> None:
        """Add the descriptors of an indirect table (2.7.5.3), which lies anywhere in memory."""
        for entry_address, entry_size, entry_flags in self._in_order(self._table(address, size, flags)):
            if entry_flags & INDIRECT:
                raise RingError("an indirect table in an indirect table")
            self._add_buffer(entry_address, entry_size, entry_flags)

    def _table(self, address: int, size: int, flags: int) -> list[tuple[int, int, int, int]]:
        if not self._indirect:
            raise RingError("an indirect table, which was not negotiated")
        if flags & NEXT:
            raise RingError("a descriptor behind an indirect table")
        if not 0 < size <= DESCRIPTOR.size * self._limit or size % DESCRIPTOR.size:
            raise RingError(f"an indirect table of {size} bytes")
        if not self._memory.contains(address, size):
            raise RingError(f"an indirect table at {address:#x}, which is not all RAM")
        return list(DESCRIPTOR.iter_unpack(self._memory.read(address, size)))

    def _in_order(self, table: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int]]:
        """Return the descriptors of a split ring's table as they follow each other."""
        found: list[tuple[int, int, int]] = []
        place = 0
        while True:
            address, size, flags, following = table[place]
            found.append((address, size, flags))
            if not flags & NEXT:
                return found
            place = following
            if place >= len(table) or len(found) >= len(table):
                raise RingError("an indirect table that does not end")

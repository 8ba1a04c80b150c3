# SPDX-License-Identifier: GPL-2.0-or-later
"""Direct memory access: how devices read and write guest memory.

Addresses are those of the bus that the device is on; ``dma-ranges`` of the buses above it
(Devicetree Specification v0.4, 2.3.9) say which physical addresses these are. The guest chooses them, so
nothing is trusted: what is not RAM, as a whole, is a guest error, reads as zeros and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from paradrive.devices.guest_errors import DmaError, GuestErrorLog
from paradrive.devicetree.linux_address import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from paradrive.cpu.ports import Memory
    from paradrive.devicetree.linux_address import DmaRange

ByteOrder = Literal["big", "little"]
#: The most bytes of one access; a guest must not make the host allocate what it likes.
MAX_SIZE = 1 << 26
_ADDRESSES = 1 << 64


class Dependent(Protocol):
    """What keeps something that follows from the map of physical addresses."""

    def forget(self) -> None:
        """Look anew: the map has changed."""


class MemoryMap(Protocol):
    """Where RAM is; `paradrive.devices.bus.Bus` is one."""

    def memory_at(self, address: int) -> Memory | None:
        """Return the RAM block that holds this physical address, None where there is none."""

    def add_dependent(self, dependent: Dependent) -> None:
        """Have something ``forget`` what it knows of the map whenever that changes."""


class _Window(NamedTuple):
    """A stretch of RAM as the device sees it: bus address, size, contents, and physical address."""

    start: int
    size: int
    contents: memoryview
    physical: int


_Around = Callable[[Callable[..., Any]], Callable[..., Any]]
_NO_WINDOW = _Window(0, -1, memoryview(b""), 0)


def zeros(size: int) -> bytes:
    """Return what a read of so many bytes is that fails; the guest may have chosen any number."""
    return bytes(max(0, min(size, MAX_SIZE)))


class Dma:
    """The guest's memory for one device.

    ``written`` is called after each write with the physical address and the size. ``byte_order`` is that of
    numbers where a call does not say; an address counts in bytes.
    """

    def __init__(
        self,
        bus: MemoryMap,
        written: Callable[[int, int], None],
        ranges: Sequence[DmaRange] = IDENTITY,
    ) -> None:
        self._bus = bus
        self._written = written
        self._ranges = ranges
        self.byte_order: ByteOrder = "big"
        self.device = ""
        self.guest_errors = GuestErrorLog()
        #: What was used last; nearly all accesses are to the same block of RAM.
        self._window = _NO_WINDOW
        bus.add_dependent(self)

    @classmethod
    def nowhere(cls) -> Dma:
        """Return what a device without a machine has: no memory at all."""
        return cls(_NoMemory(), lambda address, size: None)

    def forget(self) -> None:
        """Look anew where RAM is: the map has changed."""
        self._window = _NO_WINDOW

    def intercept(self, read: _Around, write: _Around) -> None:
        """Let accesses be made by what these return for ``read`` and ``write``: them, or what is around."""
        for name, around in (("read", read), ("write", write)):
            vars(self).pop(name, None)
            plain = getattr(self, name)
            if (intercepted := around(plain)) != plain:
                vars(self)[name] = intercepted

    # Bytes

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes."""
        window = self._window
        offset = address - window.start
        if 0 <= offset <= window.size - size and 0 <= size <= MAX_SIZE:
            return window.contents[offset : offset + size].tobytes()
        parts = self._parts(address, size)
        if parts is None:
            self._record(address, size, is_write=False)
            return zeros(size)
        return b"".join(bytes(contents) for contents, _ in parts)

    def write(self, address: int, data: bytes | bytearray | memoryview) -> bool:
        """Write all of ``data``; return False, having written nothing, where not all would be in RAM."""
        size = len(data)
        window = self._window
        offset = address - window.start
        if 0 <= offset <= window.size - size and size <= MAX_SIZE:
            window.contents[offset : offset + size] = data
            self._written(window.physical + offset, size)
            return True
        parts = self._parts(address, size)
        if parts is None:
            self._record(address, size, is_write=True)
            return False
        view, place = memoryview(data), 0
        for contents, physical in parts:
            contents[:] = view[place : place + len(contents)]
            place += len(contents)
            self._written(physical, len(contents))
        return True

    def contains(self, address: int, size: int) -> bool:
        """Tell whether all these bytes are in RAM, without recording a guest error if not."""
        window = self._window
        if 0 <= address - window.start <= window.size - size and 0 <= size <= MAX_SIZE:
            return True
        return self._parts(address, size) is not None

    # Numbers

    def read_number(self, address: int, size: int, byte_order: ByteOrder | None = None) -> int:
        """Return the unsigned number of ``size`` bytes."""
        return int.from_bytes(self.read(address, size), byte_order or self.byte_order)

    def write_number(self, address: int, size: int, value: int, byte_order: ByteOrder | None = None) -> bool:
        """Write the low ``size`` bytes of a number; as ``write``."""
        bits = value & (1 << 8 * size) - 1
        return self.write(address, bits.to_bytes(size, byte_order or self.byte_order))

    # Scatter lists: rows of address and size

    def gather(self, pieces: Iterable[tuple[int, int]]) -> bytes:
        """Return the bytes of all pieces, one behind the other; in all no more than MAX_SIZE."""
        found: list[bytes] = []
        left = MAX_SIZE
        for address, size in pieces:
            if size > left:
                self._record(address, size, is_write=False)
                break
            left -= max(size, 0)
            found.append(self.read(address, size))
        return b"".join(found)

    def scatter(self, pieces: Iterable[tuple[int, int]], data: bytes | bytearray | memoryview) -> int:
        """Spread ``data`` over the pieces; return how many bytes went to RAM."""
        view, place = memoryview(data), 0
        for address, size in pieces:
            if place == len(view):
                break
            part = view[place : place + max(size, 0)]
            if part and not self.write(address, part):
                break
            place += len(part)
        return place

    # Where it is

    def _parts(self, address: int, size: int) -> list[tuple[memoryview, int]] | None:
        """Return the stretches of RAM that these bytes are, and where; None where not all is RAM."""
        if not 0 <= address < _ADDRESSES or not 0 <= size <= MAX_SIZE:
            return None
        parts = []
        while size:
            window = self._window_at(address)
            if window is None:
                return None
            self._window = window
            offset = address - window.start
            length = min(size, window.size - offset)
            parts.append((window.contents[offset : offset + length], window.physical + offset))
            address, size = address + length, size - length
        return parts

    def _window_at(self, address: int) -> _Window | None:
        lowest, highest = 0, _ADDRESSES  # what no range before claims
        for bus, physical, size in self._ranges:
            if not 0 <= address - bus < size:
                lowest = max(lowest, bus + size) if bus + size <= address else lowest
                highest = min(highest, bus) if address < bus else highest
                continue
            up = physical - bus
            memory: Memory | None = self._bus.memory_at(address + up)
            if memory is None:
                return None
            first = max(memory.base, physical, lowest + up)
            end = min(memory.base + memory.size, physical + size, highest + up)
            contents = memory.contents[first - memory.base : end - memory.base]
            return _Window(first - up, end - first, contents, first)
        return None

    def _record(self, address: int, size: int, *, is_write: bool) -> None:
        self.guest_errors.record(DmaError(self.device, address, size, is_write))


class _NoMemory:
    """A bus with nothing on it."""

    def memory_at(self, address: int) -> Memory | None:
        """Return None."""
        return None

    def add_dependent(self, dependent: Dependent) -> None:
        """Do nothing: it stays empty."""

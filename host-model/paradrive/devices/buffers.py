# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers that are more than a number: windows of bytes, and FIFOs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self, overload

from paradrive.devices.declaration import Declaration, Hook
from paradrive.devices.device import are_integers
from paradrive.devices.registers import RO, RW, WO, Access, RegisterDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paradrive.devices.device import Device, RegionKey
    from paradrive.devices.fields import FieldNames

_SIZES = (1, 2, 4, 8)


class Window(Declaration):
    """A window of ``size`` bytes from ``offset``; on an instance a bytearray, into which others are assigned.

    It is accessed in any width, naturally aligned or not, like memory: the order of bytes is the driver's
    business. ``access`` is RO or RW. A method marked ``after_write`` is told of each write, with the
    offset in the window and the size. ``constant`` is as for registers.
    """

    section = "windows"

    def __init__(
        self,
        offset: int,
        size: int,
        access: Access,
        doc: str,
        *,
        region: RegionKey = 0,
        constant: bool = False,
    ) -> None:
        super().__init__()
        if access not in (RO, RW):
            raise TypeError(f"a window of bytes is RO or RW, not {access.value}")
        self.offset, self.size, self.access, self.doc, self.region = offset, size, access, doc, region
        self.is_constant = constant

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> Window: ...

        @overload
        def __get__(self, device: object, owner: type) -> bytearray: ...

        def __get__(self, device: object | None, owner: type) -> Window | bytearray: ...

    def __set__(self, device: Device, data: bytes | bytearray | memoryview) -> None:
        if len(data) != self.size:
            raise ValueError(f"{device.name}: {self.name} has {self.size} bytes, not {len(data)}")
        self._buffer(device)[:] = data  # readers keep this buffer

    def after_write(self, hook: Hook) -> Hook:
        """Let a method be told of each write behind it: ``hook(offset, size)``."""
        return self.hook("written", hook)

    def holds(self, offset: int, size: int, region: RegionKey) -> bool:
        """Tell whether an access is within the window."""
        within = self.offset <= offset and offset + size <= self.offset + self.size
        return within and region == self.region and size in _SIZES

    def create(self, device: Device) -> None:
        """Give the device zeros; the buffer stays the same: readers keep it."""
        buffer = vars(device).setdefault(self.name, bytearray(self.size))
        buffer[:] = bytes(self.size)

    def save(self, device: Device) -> object:
        """Return the bytes."""
        return bytes(self._buffer(device))

    def load(self, device: Device, saved: object) -> bool:
        """Take saved bytes over."""
        if not isinstance(saved, bytes) or len(saved) != self.size:
            return False
        self._buffer(device)[:] = saved
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what brings the bytes back."""
        buffer = self._buffer(device)
        saved = bytes(buffer)

        def revert() -> None:
            if buffer != saved:
                buffer[:] = saved

        return revert

    def reader(self, device: Device, offset: int, size: int) -> Callable[[], int]:
        """Return the function that performs one read at an offset of the region."""
        buffer, place = self._buffer(device), slice(offset - self.offset, offset - self.offset + size)
        return lambda: int.from_bytes(buffer[place], "big")

    def writer(self, device: Device, offset: int, size: int) -> Callable[[int], None] | None:
        """Return the function that performs one write; None where none is defined."""
        if self.access is RO:
            return None
        buffer, first = self._buffer(device), offset - self.offset
        place, told = slice(first, first + size), self.hooked(device, "written")

        def write(value: int) -> None:
            buffer[place] = value.to_bytes(size, "big")
            if told is not None:
                told(first, size)

        return write

    def _buffer(self, device: Device) -> bytearray:
        buffer: bytearray = vars(device)[self.name]
        return buffer


class FifoQueue(deque[int]):
    """What is in a FIFO of a device, the oldest first; what comes when it is full is lost."""

    def __init__(self, device: Device, depth: int, mask: int) -> None:
        super().__init__()
        self._device = device
        self._mask = mask
        self.depth = depth

    @property
    def is_full(self) -> bool:
        """Whether the next value would be lost."""
        return len(self) >= self.depth

    def append(self, value: int) -> None:
        """Put a value in; lost if there is no room."""
        if not self.is_full:
            super().append(int(value) & self._mask)
            self._device.settle()

    def appendleft(self, value: int) -> None:
        """Put a value back in, to be the oldest; lost if there is no room."""
        if not self.is_full:
            super().appendleft(int(value) & self._mask)
            self._device.settle()

    def __iadd__(self, values: Iterable[int]) -> Self:
        self.extend(values)
        return self

    def extend(self, values: Iterable[int]) -> None:
        """Put values in as long as there is room."""
        for value in values:
            self.append(value)

    def popleft(self) -> int:
        """Take the oldest value out."""
        value = super().popleft()
        self._device.settle()
        return value

    def pop(self) -> int:  # type: ignore[override]  # of a deque there is no index either
        """Take the newest value out."""
        value = super().pop()
        self._device.settle()
        return value

    def clear(self) -> None:
        """Drop everything."""
        super().clear()
        self._device.settle()


class Fifo(RegisterDeclaration):
    """A register that is one end of a FIFO; on an instance the `FifoQueue`, whose other end is the device's.

    RO: a read takes the oldest value out, and is ``empty`` where there is none. WO: a write puts a value in.
    RW: both, of the same queue. ``depth`` is how many values it holds. ``on_write`` and ``after_write`` get
    the value that is written, ``after_read`` that which has been read. ``on_read`` takes values out itself,
    where a read tells more than the oldest.
    """

    section = "fifos"
    is_observable = False

    def __init__(
        self,
        offset: int,
        access: Access,
        doc: str,
        *,
        depth: int = 16,
        empty: int = 0,
        width: int = 4,
        region: RegionKey = 0,
        fields: FieldNames | None = None,
    ) -> None:
        super().__init__(offset, access, doc, width=width, region=region, fields=fields)
        if access not in (RO, WO, RW):
            raise TypeError(f"a FIFO is RO, WO or RW, not {access.value}")
        self.depth, self.empty = depth, empty

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> Fifo: ...

        @overload
        def __get__(self, device: object, owner: type) -> FifoQueue: ...

        def __get__(self, device: object | None, owner: type) -> Fifo | FifoQueue: ...

    def __set__(self, device: Device, values: Iterable[int]) -> None:
        new = list(values)  # which may be this queue itself
        queue = self._queue(device)  # readers keep this one
        deque.clear(queue)
        queue.extend(new)
        device.settle()

    def after_read(self, hook: Hook) -> Hook:
        """Let a method be told of each read behind it: ``hook(value)``."""
        return self._access_hook("taken", hook, self.readable)

    @property
    def reads_act(self) -> bool:
        """A read takes something out."""
        return True

    @property
    def writes_act(self) -> bool:
        """A write puts something in."""
        return True

    def create(self, device: Device) -> None:
        """Give the device an empty FIFO; it stays the same: readers keep it."""
        queue = vars(device).setdefault(self.name, FifoQueue(device, self.depth, self.mask))
        deque.clear(queue)

    def save(self, device: Device) -> object:
        """Return the values."""
        return list(self._queue(device))

    def load(self, device: Device, saved: object) -> bool:
        """Take saved values over."""
        if not isinstance(saved, list) or len(saved) > self.depth or not are_integers(saved, self.mask + 1):
            return False
        self._replace(device, saved)
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what brings the values back."""
        saved = list(self._queue(device))
        return lambda: self._replace(device, saved)

    def _replace(self, device: Device, values: list[int]) -> None:
        queue = self._queue(device)
        deque.clear(queue)
        deque.extend(queue, values)

    def stored(self, device: Device, index: int) -> int:
        """Return the oldest value."""
        queue = self._queue(device)
        return queue[0] if queue else self.empty

    def whole_reader(self, device: Device, index: int) -> Callable[[], int]:
        """Return the hook, or what takes the oldest value out; and what is to be told behind it."""
        queue, empty, told = self._queue(device), self.empty, self.hooked(device, "taken")
        read: Callable[[], int] = self.hooked(device, "read") or (lambda: queue.popleft() if queue else empty)
        if told is None:
            return read

        def take_and_tell() -> int:
            value = read()
            told(value)
            return value

        return take_and_tell

    def whole_writer(self, device: Device, index: int) -> Callable[[int], None]:
        """Return the hook, or what puts a value in; and what is to be told behind it."""
        put: Callable[[int], Any] = self.hooked(device, "write") or self._queue(device).append
        told = self.hooked(device, "written")
        if told is None:
            return put

        def put_and_tell(value: int) -> None:
            put(value)
            told(value)

        return put_and_tell

    def _queue(self, device: Device) -> FifoQueue:
        queue: FifoQueue = vars(device)[self.name]
        return queue

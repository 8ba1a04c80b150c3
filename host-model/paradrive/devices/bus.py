# SPDX-License-Identifier: GPL-2.0-or-later
"""The physical address map: which device or RAM block answers at an address."""

from __future__ import annotations

from bisect import bisect_right, insort
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from paradrive.devices.byte_order import swapped
from paradrive.devices.device import Device, RegionKey
from paradrive.devices.fields import describe
from paradrive.devices.guest_errors import GuestError, GuestErrorLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.ports import Memory
    from paradrive.devices.dma import Dependent
    from paradrive.devices.fields import FieldNames

ACCESS_SIZES = (1, 2, 4, 8)


class MmioAccess(NamedTuple):
    """One access to a device, as a trace shows it; ``address`` is physical, ``size`` in bytes.

    ``value`` is the one that the driver means, whatever the byte order of the device.
    """

    device: str
    register: str
    address: int
    size: int
    is_write: bool
    value: int
    #: The register's names of bits or values, None where it has none or is not accessed as a whole.
    fields: FieldNames | None = None

    @property
    def meaning(self) -> str:
        """What the value says, by the names of bits or values ("RX|MODE=2"); "" where they say nothing."""
        return describe(self.fields, self.value)


class Region(NamedTuple):
    """A mapped range of physical addresses: ``size`` bytes from ``base``, answered by ``target``.

    Of a device it is the region ``key``.
    """

    base: int
    size: int
    target: Device | Memory
    key: RegionKey = 0

    @property
    def name(self) -> str:
        """What the region is called in messages."""
        return self.target.name if isinstance(self.target, Device) else "RAM"

    def __str__(self) -> str:
        return f"{self.name} at {self.base:#x}..{self.base + self.size - 1:#x}"


class Bus:
    """Implements ``paradrive.cpu.ports.PhysicalBus``.

    An access that no region answers as a whole, or whose size is not 1, 2, 4 or 8 bytes, is recorded
    in ``guest_errors``, reads as 0 and changes nothing. Mapped devices record theirs there too, so
    that all of them stand in the order in which they happened.
    """

    def __init__(self) -> None:
        self.guest_errors = GuestErrorLog()
        #: Called after the map has changed: what ``reader``, ``writer`` and ``memory_at`` returned is stale.
        self.on_change: Callable[[], None] = lambda: None
        #: Called when something else performs accesses to devices: what the first two returned is stale.
        self.on_accessors_change: Callable[[], None] = lambda: None
        #: Who keeps something else that follows from the map.
        self._dependents: WeakSet[Dependent] = WeakSet()
        self._regions: list[Region] = []
        self._memories: list[Memory] = []
        self._trace: Callable[[MmioAccess], None] | None = None
        self._untraced: frozenset[Device] = frozenset()

    def add_dependent(self, dependent: Dependent) -> None:
        """Have something ``forget`` what it knows of the map whenever that changes, as long as it lives."""
        self._dependents.add(dependent)

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions by ascending address; may be set to what it was before."""
        return tuple(self._regions)

    @regions.setter
    def regions(self, regions: tuple[Region, ...]) -> None:
        if regions != self.regions:
            self._regions = list(regions)
            self._memories = [region.target for region in regions if not isinstance(region.target, Device)]
            self._changed()

    @property
    def trace(self) -> Callable[[MmioAccess], None] | None:
        """Called after each read and before each write of a device; None traces nothing and costs nothing."""
        return self._trace

    @trace.setter
    def trace(self, trace: Callable[[MmioAccess], None] | None) -> None:
        self._trace = trace
        self.on_accessors_change()

    @property
    def untraced(self) -> frozenset[Device]:
        """Devices whose accesses ``trace`` is not told of; none unless set. They cost nothing."""
        return self._untraced

    @untraced.setter
    def untraced(self, devices: frozenset[Device]) -> None:
        if devices != self._untraced:
            self._untraced = devices
            self.on_accessors_change()

    def map_device(self, base: int, size: int, device: Device, key: RegionKey = 0) -> Region:
        """Let region ``key`` of ``device`` answer the ``size`` bytes from ``base``.

        Raises ValueError on overlap or an empty range.
        """
        region = self._insert(Region(base, size, device, key))
        device.guest_errors = device.memory.guest_errors = self.guest_errors
        device.accessors_changed = lambda: self.on_accessors_change()
        return region

    def map_memory(self, memory: Memory) -> Region:
        """Let a RAM block answer where it says it is; ValueError on overlap."""
        return self._insert(Region(memory.base, memory.size, memory))

    def unmap(self, region: Region) -> None:
        """Take a region out of the map; ValueError when it is not mapped."""
        if region not in self._regions:
            raise ValueError(f"{region} is not mapped")
        self._regions.remove(region)
        if region.target in self._memories:
            self._memories.remove(region.target)
        self._changed()

    def replace(self, device: Device, other: Device) -> None:
        """Let ``other`` answer wherever ``device`` does."""
        self._regions = [
            region._replace(target=other) if region.target is device else region for region in self._regions
        ]
        self.on_accessors_change()

    def memory_at(self, address: int) -> Memory | None:
        """Return the RAM block that holds this physical address, None where there is none."""
        for memory in self._memories:
            if 0 <= address - memory.base < memory.size:
                return memory
        return None

    def reader(self, address: int, size: int) -> Callable[[], int]:
        """Return the function that performs one read of ``size`` bytes here."""
        region = self._region_at(address, size)
        if region is None:
            return partial(self._read_hole, address, size)
        offset = address - region.base
        if not isinstance(region.target, Device):
            return partial(_read_memory, region.target.contents, offset, size)
        device, key, trace = region.target, region.key, self._trace
        read = device.reader(offset, size, key)
        if trace is None or device in self._untraced:
            return read
        swaps, fields = device.swaps, device.fields_at(offset, size, False, key)

        def traced_read() -> int:
            register = device.register_name(offset, False, key)
            value = read()
            meant = swapped(value, size) if swaps else value
            trace(MmioAccess(device.name, register, address, size, False, meant, fields))
            return value

        return traced_read

    def writer(self, address: int, size: int) -> Callable[[int], None]:
        """Return the function that performs one write of ``size`` bytes here."""
        region = self._region_at(address, size)
        if region is None:
            return partial(self._write_hole, address, size)
        offset = address - region.base
        if not isinstance(region.target, Device):
            return partial(_write_memory, region.target.contents, offset, size)
        device, key, trace = region.target, region.key, self._trace
        write = device.writer(offset, size, key)
        if trace is None or device in self._untraced:
            return write
        swaps, fields = device.swaps, device.fields_at(offset, size, True, key)

        def traced_write(value: int) -> None:
            # Before the write, which may make the machine reset: the trace shows why.
            register = device.register_name(offset, True, key)
            meant = swapped(value, size) if swaps else value
            trace(MmioAccess(device.name, register, address, size, True, meant, fields))
            write(value)

        return traced_write

    def _insert(self, region: Region) -> Region:
        if region.base < 0 or region.size <= 0:
            raise ValueError(f"{region.name}: cannot map {region.size:#x} bytes at {region.base:#x}")
        for other in self._regions:
            if region.base < other.base + other.size and other.base < region.base + region.size:
                raise ValueError(f"{region} overlaps {other}")
        insort(self._regions, region, key=lambda other: other.base)
        if not isinstance(region.target, Device):
            self._memories.append(region.target)
        self._changed()
        return region

    def _changed(self) -> None:
        for dependent in self._dependents:
            dependent.forget()
        self.on_change()

    def _region_at(self, address: int, size: int) -> Region | None:
        """Return the region that holds all bytes of an access."""
        index = bisect_right(self._regions, address, key=lambda region: region.base) - 1
        if index < 0 or size not in ACCESS_SIZES:
            return None
        region = self._regions[index]
        return region if address + size <= region.base + region.size else None

    def _read_hole(self, address: int, size: int) -> int:
        self.guest_errors.record(GuestError("bus", address, size, False, 0))
        return 0

    def _write_hole(self, address: int, size: int, value: int) -> None:
        self.guest_errors.record(GuestError("bus", address, size, True, value))


def _read_memory(view: memoryview, offset: int, size: int) -> int:
    return int.from_bytes(view[offset : offset + size], "big")


def _write_memory(view: memoryview, offset: int, size: int, value: int) -> None:
    view[offset : offset + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")

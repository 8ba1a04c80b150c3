# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.devices.bus import Bus, MmioAccess
from paradrive.devices.device import GuestErrorLog
from paradrive.devices.guts import Guts
from paradrive.devices.ram import Ram
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register

RAM_SIZE = 0x10000
DEVICE_BASE = 0xF_E000_0000


class Storage(RegisterDevice):
    WORD = Register(0x0, RW, "A word.")
    BYTE = Register(0x8, RW, "A byte.", width=1)


@pytest.fixture
def device() -> Storage:
    return Storage()


@pytest.fixture
def bus(device: Storage) -> Bus:
    bus = Bus()
    bus.map_memory(Ram(0, RAM_SIZE))
    bus.map_device(DEVICE_BASE, 0x1000, device)
    return bus


def test_device_answers_at_its_base(bus: Bus, device: Storage) -> None:
    bus.writer(DEVICE_BASE, 4)(0x12345678)
    assert device.WORD == 0x12345678
    assert bus.reader(DEVICE_BASE, 4)() == 0x12345678
    assert bus.guest_errors.count == 0


def test_memory_is_big_endian(bus: Bus) -> None:
    bus.writer(0x100, 4)(0x01020304)
    assert [bus.reader(0x100 + i, 1)() for i in range(4)] == [1, 2, 3, 4]
    assert bus.reader(0x101, 2)() == 0x0203


@pytest.mark.parametrize("address", [RAM_SIZE, DEVICE_BASE - 4, DEVICE_BASE + 0x1000, 1 << 36])
def test_hole_reads_zero_and_is_a_guest_error(bus: Bus, address: int) -> None:
    bus.writer(address, 4)(5)
    assert bus.reader(address, 4)() == 0
    assert [(error.device, error.offset, error.is_write) for error in bus.guest_errors.entries] == [
        ("bus", address, True),
        ("bus", address, False),
    ]


@pytest.mark.parametrize("address", [RAM_SIZE - 2, DEVICE_BASE - 2])
def test_access_across_the_end_of_a_region_is_a_guest_error(bus: Bus, address: int) -> None:
    bus.writer(address, 4)(0xFFFFFFFF)
    assert bus.reader(RAM_SIZE - 2, 2)() == 0
    assert bus.guest_errors.count == 1


def test_errors_of_devices_stand_in_the_log_of_the_bus(bus: Bus, device: Storage) -> None:
    device.name = "storage@0"
    bus.reader(DEVICE_BASE + 0x40, 4)()
    bus.reader(DEVICE_BASE, 1)()
    assert [str(error) for error in bus.guest_errors.entries] == [
        "storage@0: undefined 4-byte read at 0x40",
        "storage@0: undefined 1-byte read at 0x0",
    ]


def test_log_counts_all_errors_but_keeps_a_bounded_number(bus: Bus) -> None:
    read = bus.reader(1 << 35, 4)
    for _ in range(10 * GuestErrorLog.LIMIT):
        read()
    assert bus.guest_errors.count == 10 * GuestErrorLog.LIMIT
    assert len(bus.guest_errors.entries) == GuestErrorLog.LIMIT


@pytest.mark.parametrize("base", [DEVICE_BASE - 0xFFF, DEVICE_BASE, DEVICE_BASE + 0xFFF])
def test_overlap_is_refused_and_names_both(bus: Bus, base: int) -> None:
    other = Guts(0, 0)
    with pytest.raises(ValueError, match=r"guts .*storage"):
        bus.map_device(base, 0x1000, other)
    assert len(bus.regions) == 2


def test_a_device_can_take_the_place_of_another(bus: Bus, device: Storage) -> None:
    other, changes = Storage(), []
    bus.on_accessors_change = lambda: changes.append(bus.reader(DEVICE_BASE, 4)())
    other.WORD = 5
    bus.replace(device, other)
    bus.replace(other, device)
    assert changes == [5, 0]


def test_neighbours_do_not_overlap(bus: Bus) -> None:
    bus.map_device(DEVICE_BASE + 0x1000, 0x1000, Storage())
    bus.map_device(DEVICE_BASE - 0x1000, 0x1000, Storage())
    assert [region.base for region in bus.regions] == sorted(region.base for region in bus.regions)


def test_empty_region_is_refused(bus: Bus) -> None:
    with pytest.raises(ValueError):
        bus.map_device(0x1_0000_0000, 0, Storage())


def test_unmapped_device_leaves_a_hole(bus: Bus) -> None:
    bus.unmap(bus.regions[1])
    assert bus.reader(DEVICE_BASE, 4)() == 0
    assert bus.guest_errors.count == 1


def test_unmapping_twice_is_refused(bus: Bus) -> None:
    region = bus.regions[1]
    bus.unmap(region)
    with pytest.raises(ValueError):
        bus.unmap(region)


def test_memory_at_finds_only_memory(bus: Bus) -> None:
    memory = bus.memory_at(RAM_SIZE - 1)
    assert memory is not None
    assert memory.base == 0
    assert bus.memory_at(RAM_SIZE) is None
    assert bus.memory_at(DEVICE_BASE) is None


def test_trace_shows_device_register_value_and_direction(bus: Bus, device: Storage) -> None:
    device.name = "storage@0"
    trace: list[MmioAccess] = []
    bus.trace = trace.append
    bus.writer(DEVICE_BASE, 4)(7)
    bus.reader(DEVICE_BASE, 4)()
    bus.reader(DEVICE_BASE + 8, 1)()
    bus.reader(DEVICE_BASE + 0x20, 2)()
    assert trace == [
        MmioAccess("storage@0", "WORD", DEVICE_BASE, 4, True, 7),
        MmioAccess("storage@0", "WORD", DEVICE_BASE, 4, False, 7),
        MmioAccess("storage@0", "BYTE", DEVICE_BASE + 8, 1, False, 0),
        MmioAccess("storage@0", "0x20", DEVICE_BASE + 0x20, 2, False, 0),
    ]


def test_untraced_devices_are_left_out_of_the_trace(bus: Bus, device: Storage) -> None:
    other = Storage()
    other.name = "other"
    bus.map_device(DEVICE_BASE + 0x1000, 0x1000, other)
    trace: list[MmioAccess] = []
    bus.trace, bus.untraced = trace.append, frozenset({device})
    for base in (DEVICE_BASE, DEVICE_BASE + 0x1000):
        bus.writer(base, 4)(7)
        assert bus.reader(base, 4)() == 7
    assert [(access.device, access.is_write) for access in trace] == [("other", True), ("other", False)]
    bus.untraced = frozenset()
    bus.reader(DEVICE_BASE, 4)()
    assert len(trace) == 3


def test_change_of_map_is_announced(bus: Bus) -> None:
    changes: list[int] = []
    bus.on_change = lambda: changes.append(len(bus.regions))
    region = bus.map_device(DEVICE_BASE + 0x1000, 0x1000, Storage())
    bus.unmap(region)
    assert changes == [3, 2]


def test_change_of_what_performs_accesses_is_announced(bus: Bus, device: Storage) -> None:
    changes: list[str] = []
    bus.on_accessors_change = lambda: changes.append("changed")
    bus.trace = lambda access: None
    bus.untraced = frozenset({device})
    bus.replace(device, Storage())
    bus.trace = None
    assert len(changes) == 4


@given(
    address=st.one_of(st.integers(0, (1 << 36) + 64), st.integers(0, RAM_SIZE + 16)),
    size=st.integers(0, 16),
    value=st.integers(0, (1 << 64) - 1),
)
def test_no_access_raises(address: int, size: int, value: int) -> None:
    bus = Bus()
    bus.map_memory(Ram(0, RAM_SIZE))
    bus.map_device(DEVICE_BASE, 0x1000, Storage())
    bus.trace = lambda access: None
    bus.writer(address, size)(value)
    assert 0 <= bus.reader(address, size)() < 1 << 64


def test_ram_that_has_been_unmapped_is_not_found_any_more() -> None:
    bus = Bus()
    region = bus.map_memory(Ram(0x4000, 0x2000))
    bus.unmap(region)
    assert bus.memory_at(0x4000) is None


def test_log_that_was_cleared_counts_anew() -> None:
    bus = Bus()
    bus.reader(0x10, 4)()
    bus.guest_errors.clear()
    assert (bus.guest_errors.count, bus.guest_errors.entries) == (0, [])

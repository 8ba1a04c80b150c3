# SPDX-License-Identifier: GPL-2.0-or-later
"""DMA reaches RAM and nothing else, whatever the addresses, the ranges and the map."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paradrive.devices import detached
from paradrive.devices.bus import Bus
from paradrive.devices.dma import MAX_SIZE, Dma
from paradrive.devices.ram import Ram
from paradrive.devicetree.linux_address import IDENTITY, DmaRange

PAGE = 0x1000
END = 1 << 64
STARTS = (0, PAGE, (1 << 36) - 3 * PAGE, END - 4 * PAGE)
SIZES = (-1, 0, 1, 2, 3, 4, PAGE, 0x1801)


class Fuzzed:
    """A few blocks of RAM, perhaps behind ``dma-ranges`` that may overlap, and what they should hold."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.written: list[tuple[int, int]] = []
        self.contents: dict[int, int] = {}
        self.blocks: list[Ram] = []
        bus, place = Bus(), source.choice(STARTS)
        for _ in range(source.randrange(1, 4)):
            size = source.randrange(1, 3) * PAGE
            if place + size <= END:
                self.blocks.append(Ram(place, size))
                bus.map_memory(self.blocks[-1])
            place += size + source.choice((0, 0, PAGE))
        first = self.blocks[0].base
        self.ranges = list(IDENTITY)
        if source.randrange(2):
            self.ranges = [
                DmaRange(
                    source.choice((0, 0x800, 0x8000_0000)),
                    source.choice((0, first, first + 16)),
                    source.choice((PAGE, 0x2800, 1 << 40)),
                )
                for _ in range(source.choice((0, 1, 3)))
            ]
        self.dma = Dma(bus, lambda address, size: self.written.append((address, size)), self.ranges)

    def physical(self, address: int) -> int | None:
        """Return where in RAM a bus address is, None where it is not."""
        for bus, physical, size in self.ranges:
            if 0 <= address - bus < size:
                place = address - bus + physical
                in_ram = any(0 <= place - block.base < block.size for block in self.blocks)
                return place if in_ram and address < END else None
        return None

    def address(self) -> int:
        source, block = self.source, self.source.choice(self.blocks)
        near = source.choice([one.bus for one in self.ranges] + [block.base, block.base + block.size])
        return source.choice(
            (near + source.randrange(-3, 3), near + source.randrange(3 * PAGE), END - 2, END)
        )

    def access(self) -> None:
        address, size = self.address(), self.source.choice(SIZES)
        places = [self.physical(address + offset) for offset in range(size)]
        found = [place for place in places if place is not None]
        is_ram = size >= 0 and len(found) == len(places)
        errors = self.dma.guest_errors.count
        if self.source.randrange(2) and size >= 0:
            self.write(address, self.source.randbytes(size), found, is_ram=is_ram)
        else:
            held = bytes(self.contents.get(place, 0) for place in found)
            assert self.dma.read(address, size) == (held if is_ram else bytes(max(size, 0)))
        if size:
            assert self.dma.guest_errors.count - errors == (not is_ram)

    def write(self, address: int, data: bytes, places: list[int], *, is_ram: bool) -> None:
        self.written.clear()
        assert self.dma.write(address, data) == is_ram or not data
        told = [place for first, size in self.written for place in range(first, first + size)]
        assert told == (places if is_ram else [])
        if is_ram:
            self.contents |= zip(places, data, strict=True)


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(seed=st.integers(0, 1 << 32))
def test_dma_reaches_the_ram_that_its_ranges_say_and_nothing_else(seed: int) -> None:
    fuzzed = Fuzzed(random.Random(seed))
    for _ in range(20):
        fuzzed.access()


def test_too_much_at_once_is_a_guest_error() -> None:
    dma = detached(ram=PAGE).memory
    assert len(dma.read(0, MAX_SIZE + 1)) == MAX_SIZE
    assert dma.guest_errors.count == 1


@pytest.mark.parametrize("takes_away", ["unmap", "regions"])
def test_ram_that_is_taken_away_is_not_reached_any_more(takes_away: str) -> None:
    bus = Bus()
    region = bus.map_memory(ram := Ram(0, PAGE))
    dma = Dma(bus, lambda address, size: None)
    assert dma.write(0, b"x")
    if takes_away == "unmap":
        bus.unmap(region)
    else:
        bus.regions = ()
    assert not dma.write(0, b"y")
    assert (dma.read(0, 1), ram.view[0]) == (b"\0", ord("x"))
    bus.map_memory(Ram(0, PAGE))
    assert dma.write(0, b"z")
    assert ram.view[0] == ord("x")


def test_piece_of_no_size_is_passed_over() -> None:
    dma = detached(ram=PAGE).memory
    assert dma.scatter([(0, 0), (END, 0), (8, 2), (4, -3), (16, 2)], b"abcd") == 4
    assert (dma.read(8, 2), dma.read(16, 2)) == (b"ab", b"cd")
    assert dma.gather([(8, 2), (0, 0), (16, 2)]) == b"abcd"
    assert dma.guest_errors.count == 0


def test_of_ranges_that_overlap_the_first_counts_whatever_was_reached_before() -> None:
    bus = Bus()
    bus.map_memory(Ram(0, 2 * PAGE))
    dma = Dma(bus, lambda address, size: None, [DmaRange(0x10, PAGE, 0x10), DmaRange(0, 0, PAGE)])
    assert dma.write(0x18, b"first")
    assert dma.write(0x40, b"second")
    assert dma.read(0x18, 5) == b"first"
    assert dma.read(0x0C, 8) == bytes(8)
    assert dma.write(0x00, b"below")
    assert dma.read(0x18, 5) == b"first"


def test_pieces_that_are_too_much_only_together_are_a_guest_error() -> None:
    bus = Bus()
    bus.map_memory(Ram(0, PAGE))
    dma = Dma(bus, lambda address, size: None)
    # A piece of that size may be asked for; there is no RAM, so that it reads as zeros.
    assert len(dma.gather([(PAGE, MAX_SIZE)])) == MAX_SIZE
    assert len(dma.gather([(0, PAGE), (PAGE, MAX_SIZE)])) == PAGE

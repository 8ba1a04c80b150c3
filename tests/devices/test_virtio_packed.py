# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed virtqueues: a device serves them as VIRTIO 1.2, 2.8 says, whatever a driver writes into them."""

from __future__ import annotations

import random
from struct import pack, unpack
from typing import TYPE_CHECKING

import pytest
from virtio_driver import BUFFERS, INDIRECT, NEEDS_RESET, NEXT, RAM_SIZE, WRITE, Driver

from paradrive.devices.virtio import Chain, VirtioDevice
from paradrive.devices.virtio.mmio import RING_EVENT_IDX, RING_INDIRECT_DESC, RING_PACKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtio_driver import Buffer

AVAILABLE, USED = 1 << 7, 1 << 15
NEVER, AT_A_DESCRIPTOR = 1, 2
SIZE = 7  # need not be a power of 2
ASK, ANSWER = (BUFFERS, 4, False), (BUFFERS + 0x100, 0x80, True)


class Echo(VirtioDevice):
    """Returns what it was told, when its host wants it to where it is lazy."""

    device_id = 0x3E
    queues = ("requests",)
    offers_packed = True
    lazy = False

    def request(self, queue: int, chain: Chain) -> None:
        if not self.lazy:
            chain.complete(chain.read())


class PackedDriver(Driver):
    """A driver that keeps, as a real one does, how many descriptors each buffer has."""

    def __init__(self, device: VirtioDevice, *, features: int = RING_EVENT_IDX | RING_INDIRECT_DESC) -> None:
        super().__init__(device, features=features | RING_PACKED, size=SIZE)
        self.counts: dict[int, int] = {}
        self.position, self.wrap = 0, True
        self.used_position, self.used_wrap = 0, True

    def put(self, identity: int, *descriptors: tuple[int, int, int]) -> None:
        """Make a chain of descriptors available: address, size and flags of each."""
        self.counts[identity] = len(descriptors)
        for address, size, flags in descriptors:
            flags |= AVAILABLE if self.wrap else USED
            place = self.areas(0)[0] + 16 * self.position
            self.memory.write(place, pack("<QIHH", address, size, identity, flags))
            self.position += 1
            if self.position == SIZE:
                self.position, self.wrap = 0, not self.wrap

    def request(self, identity: int, buffers: Sequence[Buffer] = (ASK, ANSWER)) -> None:
        """Make a chain of buffers available, and notify."""
        last = len(buffers) - 1
        flags = [(WRITE if b[2] else 0) | (0 if i == last else NEXT) for i, b in enumerate(buffers)]
        self.put(identity, *((b[0], b[1], flag) for b, flag in zip(buffers, flags, strict=True)))
        self.notify()

    def take(self) -> list[tuple[int, int]]:
        """Return what came back: buffer IDs, and how many bytes were written."""
        found = []
        while True:
            place = self.areas(0)[0] + 16 * self.used_position
            _, size, identity, flags = unpack("<QIHH", self.memory.read(place, 16))
            if not bool(flags & AVAILABLE) == bool(flags & USED) == self.used_wrap:
                return found
            found.append((identity, size))
            self.used_position += self.counts[identity]
            if self.used_position >= SIZE:
                self.used_position, self.used_wrap = self.used_position - SIZE, not self.used_wrap

    def want(self, position: int, flags: int, *, wrap: bool = True) -> None:
        """Say when the device shall interrupt."""
        self.memory.write(self.areas(0)[1], pack("<HH", position | wrap << 15, flags))


def start(*, lazy: bool = False, features: int = RING_EVENT_IDX | RING_INDIRECT_DESC) -> PackedDriver:
    device = Echo()
    device.lazy = lazy
    driver = PackedDriver(device, features=features)
    driver.probe()
    driver.memory.write(BUFFERS, b"echo")
    return driver


def answer_all(driver: PackedDriver) -> None:
    for chain in driver.device.waiting(0):
        chain.complete(chain.read())


def test_requests_go_round_the_ring() -> None:
    driver = start()
    for number in range(100):
        buffers = [ASK, (BUFFERS + 0x100, 0x80, True), (BUFFERS + 0x200, 8, True)][: 2 + number % 2]
        driver.request(number, buffers)
        assert driver.take() == [(number, 4)]
        assert driver.memory.read(BUFFERS + 0x100, 4) == b"echo"
    assert driver.device.guest_errors.count == 0


def test_answers_may_come_in_another_order() -> None:
    driver = start(lazy=True)
    for identity in (3, 9):
        driver.request(identity)
    for chain in reversed(driver.device.waiting(0)):
        chain.complete(chain.read())
    assert driver.take() == [(9, 4), (3, 4)]


def test_table_has_its_descriptors_in_order() -> None:
    driver = start()
    table = pack("<QIHH", BUFFERS, 4, 99, 0) + pack("<QIHH", BUFFERS + 0x100, 0x80, 99, WRITE)
    driver.memory.write(BUFFERS + 0x1000, table)
    for identity in range(20):
        driver.put(identity, (BUFFERS + 0x1000, 32, INDIRECT))
        driver.notify()
        assert driver.take() == [(identity, 4)]


@pytest.mark.parametrize(
    ("position", "wrap", "flags", "interrupts"),
    [
        (0, True, 0, [0, 1, 2, 3]),
        (0, True, NEVER, []),
        (0, True, AT_A_DESCRIPTOR, [0]),
        (3, True, AT_A_DESCRIPTOR, [1]),
        (6, True, AT_A_DESCRIPTOR, [3]),
        (0, False, AT_A_DESCRIPTOR, [3]),
        (1, False, AT_A_DESCRIPTOR, []),
    ],
)
def test_device_interrupts_when_the_driver_wants_it(
    position: int, wrap: bool, flags: int, interrupts: list[int]
) -> None:
    driver = start()
    driver.want(position, flags, wrap=wrap)
    seen = []
    for number in range(4):
        driver.request(number)
        driver.take()
        if driver.acknowledge():
            seen.append(number)
    assert seen == interrupts


def test_device_goes_on_in_the_middle_of_its_requests() -> None:
    driver = start(lazy=True)
    driver.request(5)
    saved, revert = driver.device.save(), driver.device.capture()
    for way in (revert, lambda: driver.device.load(saved)):
        driver.device.reset()
        way()
        assert [one.head for one in driver.device.in_flight] == [5]
    answer_all(driver)
    assert driver.take() == [(5, 4)]
    driver.request(6)
    answer_all(driver)
    assert driver.take() == [(6, 4)]


@pytest.mark.parametrize(
    "descriptors",
    [
        [(BUFFERS, 4, NEXT)] * SIZE,
        [(RAM_SIZE - 1, 4, NEXT), (BUFFERS, 0x80, WRITE)],
        [(BUFFERS, 4, WRITE | NEXT), (BUFFERS, 4, 0)],
        [(BUFFERS, 15, INDIRECT)],
        [(BUFFERS, 16 * (SIZE + 1), INDIRECT)],
        [(BUFFERS + 0x1000, 32, INDIRECT | NEXT), (BUFFERS, 4, WRITE)],
    ],
    ids=["loops", "outside RAM", "read behind written", "odd table", "large table", "behind a table"],
)
def test_ring_against_the_rules_ends_in_a_device_that_needs_a_reset(
    descriptors: list[tuple[int, int, int]],
) -> None:
    driver = start(lazy=True)
    driver.put(0, *descriptors)
    driver.notify()
    assert driver.status & NEEDS_RESET
    assert driver.device.in_flight == []


def test_buffers_that_the_device_has_are_not_offered_again() -> None:
    driver = start(lazy=True)
    driver.request(1)
    driver.request(1)
    assert driver.status & NEEDS_RESET


def test_device_has_no_more_descriptors_than_the_queue() -> None:
    driver = start(lazy=True)
    for identity in range(SIZE + 1):
        driver.request(identity, [ASK])
    assert driver.status & NEEDS_RESET
    assert len(driver.device.in_flight) == SIZE


def random_descriptor(source: random.Random) -> bytes:
    flags = source.choice([0, NEXT, WRITE, INDIRECT]) | source.choice([AVAILABLE, USED, 0, AVAILABLE | USED])
    size = source.choice([0, 1, 16, 32])
    return pack("<QIHH", BUFFERS + source.randrange(64), size, source.randrange(9), flags)


def test_random_rings_end_in_no_host_error() -> None:
    source = random.Random(0)
    driver = start()
    broken = 0
    for _ in range(2_000):
        if not driver.device.is_working:
            broken += 1
            driver.probe()
        ring = b"".join(random_descriptor(source) for _ in range(SIZE))
        driver.memory.write(
            driver.areas(0)[0], ring if source.random() < 0.9 else source.randbytes(len(ring))
        )
        driver.memory.write(driver.areas(0)[1], source.randbytes(4))
        driver.notify()
    assert 100 < broken < 1_900

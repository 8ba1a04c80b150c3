# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing that a driver writes makes a virtio device raise, or work for ever."""

from __future__ import annotations

import random
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from virtio_driver import BUFFERS, QUEUES, RAM_SIZE, Driver

from paradrive.devices.virtio import VirtioBlk, VirtioConsole, VirtioP9, VirtioRng
from paradrive.devices.virtio.descriptors import INDIRECT, NEXT, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.virtio import VirtioDevice

#: Of each device; in all 10,000.
CASES = 2_500
SIZE = 8


def random_disk_request(source: random.Random) -> bytes:
    sector = source.choice([0, source.randrange(1 << 15), source.getrandbits(64)])
    tail = source.choice([b"", bytes(512), pack("<QII", source.randrange(9), source.randrange(1 << 14), 0)])
    return pack("<IIQ", source.choice([0, 1, 4, 8, 11, 13, source.getrandbits(32)]), 0, sector) + tail


def random_message(source: random.Random) -> bytes:
    numbers = pack("<IQI", source.randrange(3), source.choice([0, 1, source.getrandbits(64)]), 1 << 12)
    body = source.choice([numbers, pack("<IIHH", 0, source.randrange(3), 1, 2) + b"..", source.randbytes(20)])
    kind = source.choice([8, 12, 14, 22, 24, 30, 40, 100, 104, 108, 110, 116, 120, source.randrange(256)])
    return pack("<IBH", 7 + len(body) + source.choice([0, 0, 0, -1, 1]), kind, 0) + body


class Case(NamedTuple):
    device: Callable[[], VirtioDevice]
    request: Callable[[random.Random], bytes]


DEVICES = {
    "rng": Case(VirtioRng, lambda source: b""),
    "blk": Case(VirtioBlk, random_disk_request),
    "console": Case(VirtioConsole, lambda source: source.choice([b"", b"text"])),
    "9p": Case(lambda: VirtioP9(Path(__file__).parent), random_message),
}


def random_address(source: random.Random) -> int:
    return source.choice(
        [
            source.randrange(QUEUES, BUFFERS + 0x1000),
            BUFFERS + source.randrange(64) * 16,
            RAM_SIZE - source.randrange(16),
            source.getrandbits(64),
        ]
    )


def random_descriptor(source: random.Random) -> bytes:
    """Return 16 bytes that are often nearly right."""
    if source.random() < 0.2:
        return source.randbytes(16)
    flags = source.choice([0, NEXT, WRITE, NEXT | WRITE, INDIRECT, INDIRECT | NEXT, source.getrandbits(16)])
    size = source.choice([0, 1, 15, 16, 17, 32, 64, 512, source.getrandbits(20), source.getrandbits(32)])
    return pack("<QIHH", random_address(source), size, flags, source.choice([0, 1, 2, 7, 8, 0xFFFF]))


def offer_a_request(driver: Driver, queue: int, request: bytes, room: int) -> None:
    """Do as a driver may; only what is asked for may be wrong."""
    driver.memory.write(BUFFERS, request)
    buffers = [(BUFFERS, len(request), False), (BUFFERS + 0x1000, room, True)]
    driver.chain(queue, 0, [buffer for buffer in buffers if buffer[1]] or buffers[:1])
    driver.offer(queue, 0)


def offer_anything(driver: Driver, queue: int, source: random.Random) -> None:
    """Do as no driver should: with descriptors, tables, rings, registers."""
    descriptors, available, used = driver.areas(queue)
    count = source.randrange(1, SIZE + 1)
    driver.memory.write(descriptors, b"".join(random_descriptor(source) for _ in range(count)))
    table = b"".join(random_descriptor(source) for _ in range(source.randrange(4)))
    driver.memory.write(BUFFERS, table or source.randbytes(64))
    if source.random() < 0.3:
        driver.memory.write(source.choice([available, used]), source.randbytes(32))
    else:
        driver.offer(queue, *(source.choice([0, 1, 2, 7]) for _ in range(source.randrange(4))))
    if source.random() < 0.1:
        offset = source.choice([*range(0, 0x110, 4), source.randrange(0x200)])
        driver.device.write(offset, source.choice([1, 2, 4]), source.getrandbits(32))


@pytest.mark.parametrize("name", DEVICES)
def test_random_requests_and_rings_end_in_no_host_error(name: str) -> None:
    source = random.Random(name)
    driver = Driver(DEVICES[name].device(), size=SIZE)
    broken = answered = 0
    for case in range(CASES):
        if case % 8 == 0 or not driver.device.is_working:
            driver.device.delay = source.choice([0, 500])
            driver.probe()
        before = [queue.next_used for queue in driver.device.virtqueues]
        queue = source.randrange(len(driver.device.queues))
        if source.random() < 0.5:
            offer_a_request(driver, queue, DEVICES[name].request(source), source.choice([0, 1, 64, 1024]))
        else:
            offer_anything(driver, queue, source)
        driver.notify(queue)
        driver.pass_time(source.choice([0, 1_000]))
        answered += before != [queue.next_used for queue in driver.device.virtqueues]
        broken += not driver.device.is_working
    # Both happen: the cases are neither all refused at once, nor all harmless.
    assert broken > CASES // 20
    assert answered > CASES // 20
    driver.device.destroy()

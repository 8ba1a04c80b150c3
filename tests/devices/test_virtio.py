# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtio devices behave as VIRTIO 1.2 says: registers, features, queues, resets, what is in flight."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest
from virtio_driver import (
    BUFFERS,
    DRIVER_OK,
    FEATURES_OK,
    INDIRECT,
    NEEDS_RESET,
    NEXT,
    RAM_SIZE,
    WRITE,
    Driver,
)

from paradrive.devices import RO, RW, State
from paradrive.devices.virtio import Chain, ConfigField, VirtioDevice, VirtioRng
from paradrive.devices.virtio.mmio import (
    RING_EVENT_IDX,
    RING_INDIRECT_DESC,
    RING_RESET,
    VERSION_1,
    VirtioMmio,
)
from paradrive.devices.virtio.rng import stream

if TYPE_CHECKING:
    from collections.abc import Callable


class Dice(VirtioDevice):
    """Throws dice: a byte says how often, the answer has a byte for each."""

    model_names = ("acme,dice",)
    device_id = 0x3F
    queues = ("throws",)
    sides = ConfigField(0, 4, RW, "How many sides a die has.", reset=6)
    thrown = State(int)

    def request(self, queue: int, chain: Chain) -> None:
        throws = chain.read(1)[0]
        chain.complete(bytes((self.thrown + throw) % self.sides + 1 for throw in range(throws)))
        self.thrown += throws


class Echo(VirtioDevice):
    """Returns what it was told when its host wants it to."""

    device_id = 0x3E
    queues = ("first", "second")
    long = ConfigField(0, 8, RO, "Eight bytes.", reset=0x0102_0304_0506_0708)
    byte = ConfigField(8, 1, RO, "One byte.", reset=9)

    def request(self, queue: int, chain: Chain) -> None:
        return

    def echo(self, queue: int) -> None:
        for chain in self.waiting(queue):
            chain.complete(chain.read())


@pytest.fixture
def dice() -> Driver:
    driver = Driver(Dice())
    driver.probe()
    return driver


@pytest.fixture
def echo() -> Driver:
    driver = Driver(Echo())
    driver.probe()
    return driver


def offer_echo(driver: Driver, data: bytes, head: int = 0, queue: int = 0) -> None:
    place = BUFFERS + 0x100 * head
    driver.memory.write(place, data)
    driver.chain(queue, head, [(place, len(data), False), (place + 0x80, 0x80, True)])
    driver.offer(queue, head)
    driver.notify(queue)


# Registers


def test_transport_without_a_device_is_left_in_peace() -> None:
    nothing = VirtioMmio()
    assert [nothing.read(offset, 4) for offset in (0x0, 0x4, 0x8)] == [0x76697274, 0x0200_0000, 0]


def test_features_are_offered_and_accepted_in_halves(dice: Driver) -> None:
    offered = 0
    for half in (0, 1, 2):
        dice.set(0x14, half)
        offered |= dice.get(0x10) << 32 * half
    assert offered == VERSION_1 | RING_EVENT_IDX | RING_INDIRECT_DESC | RING_RESET
    assert dice.device.driver_features == dice.features


@pytest.mark.parametrize("features", [0, VERSION_1 | 1 << 5], ids=["legacy", "not offered"])
def test_features_that_cannot_be_are_refused(dice: Driver, features: int) -> None:
    assert not dice.negotiate(features)
    assert dice.device.guest_errors.count == 1


def test_features_are_settled_once(dice: Driver) -> None:
    dice.set(0x24, 0)
    dice.set(0x20, 0)
    assert dice.device.driver_features == dice.features
    assert dice.device.guest_errors.count == 1


def test_configuration_space_is_read_in_any_width(echo: Driver) -> None:
    data = pack("<QB", 0x0102_0304_0506_0708, 9)
    assert bytes(echo.get(0x100 + place, 1) for place in range(9)) == data
    assert [echo.get(0x100 + place, 2) for place in (0, 6)] == [0x0708, 0x0102]
    assert [echo.get(0x100 + place, 4) for place in (0, 4)] == [0x0506_0708, 0x0102_0304]
    assert echo.device.guest_errors.count == 0


def test_change_of_the_configuration_space_is_told(dice: Driver) -> None:
    before = dice.get(0xFC)
    dice.device.sides = 20  # type: ignore[attr-defined]
    dice.device.config_changed()
    assert dice.line.level
    assert dice.acknowledge() == 2
    assert (dice.get(0xFC) != before, dice.get(0x100), dice.line.level) == (True, 20, False)


def test_queue_that_is_not_there_has_no_descriptors(dice: Driver) -> None:
    assert dice.get(0x34) == 128
    dice.set(0x30, 1)
    assert (dice.get(0x34), dice.get(0x44)) == (0, 0)
    dice.set(0x44, 1)
    dice.set(0x50, 1)
    assert dice.device.guest_errors.count == 2
    assert not dice.status & NEEDS_RESET


# Requests


def test_request_is_answered_and_interrupts(dice: Driver) -> None:
    assert dice.ask(b"\x03", 16) == b"\1\2\3"
    assert dice.line.level
    assert dice.acknowledge() == 1
    assert not dice.line.level
    assert dice.notify_at(0) == 1


def test_request_and_answer_may_be_in_pieces(echo: Driver) -> None:
    echo.memory.write(BUFFERS, b"in pieces")
    pieces = [(BUFFERS, 2, False), (BUFFERS + 2, 0, False), (BUFFERS + 2, 7, False)]
    room = [(BUFFERS + 0x100, 4, True), (BUFFERS + 0x200, 8, True)]
    echo.chain(0, 3, [*pieces, *room])
    echo.offer(0, 3)
    echo.notify()
    echo.device.echo(0)  # type: ignore[attr-defined]
    assert echo.take_used() == [(3, 9)]
    assert echo.memory.read(BUFFERS + 0x100, 4) + echo.memory.read(BUFFERS + 0x200, 5) == b"in pieces"


@pytest.mark.parametrize("before", [0, 1])
def test_descriptors_may_be_in_an_indirect_table(echo: Driver, before: int) -> None:
    echo.memory.write(BUFFERS, b"table")
    first = pack("<QIHH", BUFFERS + before, 5 - before, NEXT, 2)
    echo.memory.write(BUFFERS + 0x300, first + bytes(16) + pack("<QIHH", BUFFERS + 0x100, 16, WRITE, 0))
    if before:  # a descriptor of the ring, and the table behind it
        echo.describe(0, 0, BUFFERS, before, NEXT, 5)
    echo.describe(0, 5 * before, BUFFERS + 0x300, 48, INDIRECT, 0)
    echo.offer(0, 0)
    echo.notify()
    echo.device.echo(0)  # type: ignore[attr-defined]
    assert echo.take_used() == [(0, 5)]
    assert echo.memory.read(BUFFERS + 0x100, 5) == b"table"


def test_queue_goes_round_many_times(dice: Driver) -> None:
    for _ in range(70_000 // 8):
        dice.memory.write(BUFFERS, b"\1" * 8)
        for head in range(0, 8, 2):
            dice.chain(0, head, [(BUFFERS, 1, False), (BUFFERS + 0x100, 1, True)])
        dice.offer(0, 0, 2, 4, 6)
        dice.offer(0)
        dice.notify()
        assert dice.take_used() == [(0, 1), (2, 1), (4, 1), (6, 1)]
    assert not dice.status & NEEDS_RESET


@pytest.mark.parametrize(("event", "interrupts"), [(0, [1]), (1, [2]), (2, [3]), (5, [])])
def test_device_interrupts_when_the_driver_wants_it(echo: Driver, event: int, interrupts: list[int]) -> None:
    for head in (0, 2, 4):
        offer_echo(echo, b"x", head)
    echo.interrupt_at(0, event)
    seen = []
    for number, chain in enumerate(echo.device.waiting(0), 1):
        chain.complete()
        if echo.acknowledge():
            seen.append(number)
    assert seen == interrupts


@pytest.mark.parametrize("is_wanted", [True, False])
def test_driver_without_event_indexes_says_whether_to_interrupt(is_wanted: bool) -> None:
    driver = Driver(Dice(), features=0)
    driver.probe()
    driver.memory.write(driver.areas(0)[1], pack("<H", 0 if is_wanted else 1))
    driver.ask(b"\1", 1)
    assert driver.line.level is is_wanted


def test_buffers_are_not_used_before_the_driver_is_ready(dice: Driver) -> None:
    dice.negotiate(dice.features)
    dice.set_up(0)
    dice.memory.write(BUFFERS, b"\1")
    dice.chain(0, 0, [(BUFFERS, 1, False), (BUFFERS, 1, True)])
    dice.offer(0, 0)
    dice.notify()
    assert dice.take_used() == []
    dice.set(0x70, dice.status | DRIVER_OK)
    assert dice.take_used() == [(0, 1)]


def test_rng_gives_one_stream_however_it_is_asked() -> None:
    driver = Driver(VirtioRng())
    driver.probe()
    data = b"".join(driver.ask(b"", size) for size in (1, 64, 5000, 4096, 3))
    assert data == stream(b"paradrive", 0, len(data))
    assert len(set(data)) == 256


# Resets


def test_reset_of_the_device_forgets_queues_and_requests(echo: Driver) -> None:
    offer_echo(echo, b"lost")
    chain = echo.device.waiting(0)[0]
    echo.set(0x70, 0)
    assert (echo.status, echo.device.waiting(0), echo.get(0x44)) == (0, [], 0)
    chain.complete(b"late")  # by a host that has kept it
    echo.probe()
    assert echo.take_used() == []
    offer_echo(echo, b"again")
    echo.device.echo(0)  # type: ignore[attr-defined]
    assert echo.take_used() == [(0, 5)]


def test_reset_of_a_queue_leaves_the_others() -> None:
    driver = Driver(Echo(), features=RING_RESET)
    driver.probe()
    offer_echo(driver, b"first", queue=0)
    offer_echo(driver, b"second", queue=1)
    driver.set(0x30, 0)
    driver.set(0xC0, 1)
    assert (driver.get(0xC0), driver.get(0x44)) == (0, 0)
    assert [len(driver.device.waiting(queue)) for queue in (0, 1)] == [0, 1]
    driver.set_up(0)
    offer_echo(driver, b"anew", queue=0)
    for queue in (0, 1):
        driver.device.echo(queue)  # type: ignore[attr-defined]
    assert [driver.take_used(queue) for queue in (0, 1)] == [[(0, 4)], [(0, 6)]]


# Time, snapshots, saved files


def test_late_device_answers_in_order(dice: Driver) -> None:
    dice.device.delay = 1_000
    for head in (0, 2):
        dice.memory.write(BUFFERS + head, b"\1")
        dice.chain(0, head, [(BUFFERS + head, 1, False), (BUFFERS + 0x100 + head, 1, True)])
        dice.offer(0, head)
        dice.notify()
        dice.pass_time(100)
    dice.pass_time(799)
    assert dice.take_used() == []
    dice.pass_time(1)
    assert dice.take_used() == [(0, 1)]
    dice.pass_time(100)
    assert dice.take_used() == [(2, 1)]
    assert dice.memory.read(BUFFERS + 0x100, 3) == b"\1\0\2"


@pytest.mark.parametrize("way", ["capture", "load"])
@pytest.mark.parametrize("delay", [0, 500])
def test_device_goes_on_in_the_middle_of_its_requests(delay: int, way: str) -> None:
    driver = Driver(Echo())
    driver.probe()
    device = driver.device
    device.delay = delay
    offer_echo(driver, b"first", 0)
    offer_echo(driver, b"second", 2)
    if way == "capture":
        revert: Callable[[], None] = device.capture()
    else:
        saved = device.save()
        revert = lambda: device.load(saved)  # noqa: E731
    for _ in range(2):
        driver.used[0] = 0
        driver.memory.write(driver.areas(0)[2], bytes(64))
        driver.pass_time(delay)
        device.echo(0)  # type: ignore[attr-defined]
        assert driver.take_used() == [(0, 5), (2, 6)]
        device.reset()
        assert device.in_flight == []
        revert()
        if delay:  # guest time goes on from then, in a machine
            assert {one.due for one in device.in_flight} == {500}
            driver.now = 0
            revert()


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state["virtqueues"].pop(),
        lambda state: state["virtqueues"][0].__setitem__(0, 1 << 20),
        lambda state: state["virtqueues"][0].__setitem__(2, -1),
        lambda state: state["in_flight"][0].__setitem__(0, 2),
        lambda state: state["in_flight"][0].__setitem__(2, 1000),
        lambda state: state["in_flight"][0].__setitem__(3, [[1]]),
        lambda state: state["in_flight"][0].__setitem__(4, [[0, 1 << 40]]),
        lambda state: state["in_flight"].append(state["in_flight"][0]),
    ],
)
def test_saved_state_that_cannot_be_is_refused(
    echo: Driver, damage: Callable[[dict[str, list[object]]], object]
) -> None:
    offer_echo(echo, b"first")
    saved = echo.device.save()
    damage(saved["state"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"virtqueues|in_flight"):
        echo.device.load(saved)


# Rings that are wrong


def end_in_a_loop(driver: Driver) -> None:
    driver.describe(0, 0, BUFFERS, 1, NEXT, 1)
    driver.describe(0, 1, BUFFERS, 1, NEXT, 0)
    driver.offer(0, 0)


def lead_out_of_the_ring(driver: Driver) -> None:
    driver.describe(0, 0, BUFFERS, 1, NEXT, driver.size)
    driver.describe(0, driver.size, BUFFERS, 0x100, WRITE, 0)
    driver.offer(0, 0)


def offer_what_is_not_in_the_ring(driver: Driver) -> None:
    driver.describe(0, driver.size, BUFFERS, 1, NEXT, 0)
    driver.describe(0, 0, BUFFERS, 0x100, WRITE, 0)
    driver.offer(0, driver.size)


def offer_more_than_there_are(driver: Driver) -> None:
    driver.chain(0, 0, [(BUFFERS, 1, False), (BUFFERS, 0x100, True)])
    driver.offer(0, *[0] * (driver.size + 1))


def be_outside_ram(driver: Driver) -> None:
    driver.chain(0, 0, [(RAM_SIZE - 1, 2, False), (BUFFERS, 0x100, True)])
    driver.offer(0, 0)


def be_at_the_end_of_all_addresses(driver: Driver) -> None:
    driver.chain(0, 0, [(BUFFERS, 1, False), (BUFFERS, 0x100, True), ((1 << 64) - 1, 2, True)])
    driver.offer(0, 0)


def be_huge(driver: Driver) -> None:
    driver.chain(0, 0, [(BUFFERS, 1, False), *[(0, RAM_SIZE, True)] * 5])
    driver.offer(0, 0)


def read_behind_what_is_written(driver: Driver) -> None:
    driver.chain(0, 0, [(BUFFERS, 1, False), (BUFFERS, 0x100, True), (BUFFERS, 1, False)])
    driver.offer(0, 0)


def be_too_short(driver: Driver) -> None:
    driver.memory.write(BUFFERS, b"\2")
    driver.chain(0, 0, [(BUFFERS, 1, False), (BUFFERS, 1, True)])
    driver.offer(0, 0)


def be_empty(driver: Driver) -> None:
    driver.chain(0, 0, [(BUFFERS, 1, True)])
    driver.offer(0, 0)


#: A request, as the descriptors of a table.
ASK, ANSWER = (BUFFERS, 1, NEXT, 1), (BUFFERS, 0x100, WRITE, 0)


def table(driver: Driver, *descriptors: tuple[int, int, int, int], size: int | None = None) -> None:
    """Offer a chain that is a table."""
    data = b"".join(pack("<QIHH", *descriptor) for descriptor in descriptors)
    driver.memory.write(BUFFERS + 0x1000, data)
    driver.describe(0, 0, BUFFERS + 0x1000, len(data) if size is None else size, INDIRECT, 0)
    driver.offer(0, 0)


def nest_tables(driver: Driver) -> None:
    driver.memory.write(BUFFERS + 0x2000, pack("<QIHH", *ASK) + pack("<QIHH", *ANSWER))
    table(driver, ASK, (BUFFERS, 0x100, WRITE | INDIRECT, 0))


def have_a_table_that_loops(driver: Driver) -> None:
    table(driver, ASK, (BUFFERS, 1, NEXT, 0))


def have_a_table_that_leads_out(driver: Driver) -> None:
    table(driver, ASK, ANSWER, size=16)


def have_an_odd_table(driver: Driver) -> None:
    table(driver, ASK, ANSWER, size=33)


def have_an_empty_table(driver: Driver) -> None:
    table(driver, size=0)


def have_a_table_outside_ram(driver: Driver) -> None:
    driver.memory.write(RAM_SIZE - 16, pack("<QIHH", BUFFERS, 1, NEXT, 1))
    driver.describe(0, 0, RAM_SIZE - 16, 32, INDIRECT, 0)
    driver.offer(0, 0)


def have_a_table_larger_than_the_queue(driver: Driver) -> None:
    table(driver, ASK, ANSWER, *[(0, 0, 0, 0)] * driver.size)


def be_longer_than_the_queue(driver: Driver) -> None:
    table(driver, *[(BUFFERS, 1, NEXT, place + 1) for place in range(driver.size - 1)], ANSWER)
    driver.describe(0, 1, BUFFERS + 0x1000, 16 * driver.size, INDIRECT, 0)
    driver.describe(0, 0, BUFFERS, 1, NEXT, 1)


def go_on_behind_a_table(driver: Driver) -> None:
    table(driver, ASK, ANSWER)
    driver.describe(0, 0, BUFFERS + 0x1000, 32, INDIRECT | NEXT, 1)
    driver.describe(0, 1, BUFFERS, 0x100, WRITE, 0)


@pytest.mark.parametrize(
    "break_rules",
    [
        end_in_a_loop,
        lead_out_of_the_ring,
        offer_what_is_not_in_the_ring,
        offer_more_than_there_are,
        be_outside_ram,
        be_at_the_end_of_all_addresses,
        be_huge,
        read_behind_what_is_written,
        be_too_short,
        be_empty,
        nest_tables,
        have_a_table_that_loops,
        have_a_table_that_leads_out,
        have_an_odd_table,
        have_an_empty_table,
        have_a_table_outside_ram,
        have_a_table_larger_than_the_queue,
        be_longer_than_the_queue,
        go_on_behind_a_table,
    ],
)
def test_ring_against_the_rules_ends_in_a_device_that_needs_a_reset(
    dice: Driver, break_rules: Callable[[Driver], None]
) -> None:
    break_rules(dice)
    dice.notify()
    assert dice.status & NEEDS_RESET
    assert dice.acknowledge() & 2
    assert dice.take_used() == []
    assert "throws" in str(dice.device.guest_errors.entries[0])
    # It does nothing more before it is reset, and then works again.
    dice.offer(0, 0)
    dice.notify()
    assert dice.take_used() == []
    dice.probe()
    assert dice.ask(b"\1", 1) == b"\1"


def test_chain_that_the_device_has_already_is_not_offered_again(echo: Driver) -> None:
    offer_echo(echo, b"once")
    echo.offer(0, 0)
    echo.notify()
    assert echo.status & NEEDS_RESET


def test_table_is_a_request(dice: Driver) -> None:
    table(dice, ASK, ANSWER)
    dice.notify()
    assert [head for head, _ in dice.take_used()] == [0]


def test_table_needs_the_feature() -> None:
    driver = Driver(Dice(), features=0)
    driver.probe()
    table(driver, ASK, ANSWER)
    driver.notify()
    assert driver.status & NEEDS_RESET


@pytest.mark.parametrize(
    "place",
    [
        {0x38: 7},
        {0x38: 256},
        {0x38: 0},
        {0x80: 0x10008},
        {0x90: 0x14001},
        {0xA0: 0x18002},
        {0x80: RAM_SIZE - 64},
        {0x94: 1},
        {0xA4: 0xFFFF_FFFF},
    ],
)
def test_queue_where_none_can_be_ends_in_a_device_that_needs_a_reset(
    dice: Driver, place: dict[int, int]
) -> None:
    dice.set(0x30, 0)
    dice.set(0x44, 0)
    for register, area in zip((0x80, 0x90, 0xA0), dice.areas(0), strict=True):
        dice.set(register, area)
    for register, value in place.items():
        dice.set(register, value)
    dice.set(0x44, 1)
    assert dice.status & NEEDS_RESET
    assert dice.get(0x44) == 0


def test_work_of_one_notification_is_bounded() -> None:
    driver = Driver(VirtioRng(), size=128)
    driver.probe()
    for head in range(128):
        driver.chain(0, head, [(BUFFERS, 0x40000, True)])
    driver.offer(0, *range(128))
    driver.notify()
    done = len(driver.take_used())
    assert 0 < done < 128
    driver.pass_time(100_000)
    assert done + len(driver.take_used()) == 128


def test_status_says_that_features_are_settled(dice: Driver) -> None:
    assert dice.status & FEATURES_OK

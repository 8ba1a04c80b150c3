# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device declares behaves, is reset, saved, restored and shown as declared."""

from __future__ import annotations

import enum
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paradrive.cpu.clock import Clock
from paradrive.devices import (
    RC,
    RO,
    RW,
    W1C,
    WO,
    Fields,
    Fifo,
    Interrupt,
    Register,
    RegisterArray,
    RegisterDevice,
    State,
    Timer,
    Window,
    bits,
    detached,
)
from paradrive.devices.description import describe
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.services import RANKS, DetachedNode
from paradrive.devicetree.error import DeviceTreeError

if TYPE_CHECKING:
    from collections.abc import Callable


class Time:
    """Guest time that a test moves on."""

    def __init__(self) -> None:
        self.clock, self.now = Clock(), 0
        self.clock.read = lambda: self.now

    def pass_until(self, when: int) -> None:
        while (due := self.clock.next_event()) is not None and due <= when:
            self.now = due
            self.clock.run_due(due)
        self.now = when


class Events(Fields):
    DONE = 1 << 0
    FAILED = 1 << 1


class Control(Fields):
    ENABLE = 1 << 0
    MODE = bits(7, 4)


class Request(NamedTuple):
    address: int
    data: bytes


@dataclass
class Statistics:
    requests: int = 0
    names: list[str] | None = None


class Nic(RegisterDevice):
    compatible = ("acme,nic",)
    irq = Interrupt(0)
    link = Interrupt("link")
    poll = Timer()
    queue = State(list, of=Request, limit=4)
    statistics = State(Statistics)
    name_of_host = State(str, limit=8, survives_reset=True)
    STATUS = Register(0x00, W1C, "What has happened.", fields=Events)
    MASK = Register(0x04, RW, "What interrupts.", fields=Events)
    CONTROL = Register(0x08, RW, "How.", fields=Control)
    KICK = Register(0x0C, WO, "Starts.")
    RING = Register(0x00, RW, "Address of the ring.", region="ring")
    LANES = RegisterArray(0x10, RW, "Lanes.", dimensions=((2, 4),))

    @irq.level
    def _events(self) -> int:
        return self.STATUS & self.MASK

    @KICK.after_write
    def _kicked(self, value: int) -> None:
        self.statistics.requests += 1
        self.queue.append(Request(value, b"kick"))
        self.poll.after(1_000)

    @poll.expires
    def _polled(self) -> None:
        self.STATUS |= Events.DONE

    @LANES.after_write
    def _lane(self, index: int, value: int) -> None:
        if value:
            self.link.pulse()


class Fixture(NamedTuple):
    nic: Nic
    time: Time
    line: InterruptLine
    edges: list[bool]


@pytest.fixture
def fixture() -> Fixture:
    time, line, edges = Time(), InterruptLine(), []
    nic = Nic()
    link = InterruptLine(edges.append)
    nic.attach(detached(clock=time.clock, lines={0: line, "link": link}))
    return Fixture(nic, time, line, edges)


# Interrupts


def test_level_follows_registers_whoever_writes_them(fixture: Fixture) -> None:
    nic, _, line, _ = fixture
    nic.STATUS = Events.FAILED
    assert not line.level
    nic.write(0x04, 4, 3)
    assert line.level
    nic.write(0x00, 4, Events.FAILED)
    assert not line.level
    nic.STATUS |= Events.DONE
    assert line.level
    nic.reset()
    assert not line.level


class Queues(RegisterDevice):
    """Its level is told by way of a method, a property and an expression with a scope of its own."""

    irq = Interrupt()
    A = Register(0, RW, "A.")
    B = Register(4, RW, "B.")
    C = Register(8, RW, "C.")

    @irq.level
    def _any(self) -> bool:
        return self._is_a() or self._is_b or any(self.C & 1 << bit for bit in range(32))

    def _is_a(self) -> bool:
        return self.A != 0

    @property
    def _is_b(self) -> bool:
        return self.B != 0


@pytest.mark.parametrize("register", ["A", "B", "C"])
def test_level_follows_what_it_is_told_by_in_whichever_way(register: str) -> None:
    device, line = Queues(), InterruptLine()
    device.attach(detached(lines={0: line}))
    setattr(device, register, 2)
    assert line.level
    device.write(Queues.declarations[register].offset, 4, 0)  # type: ignore[attr-defined]
    assert not line.level


def test_level_changes_once_for_an_access_that_sets_several_registers() -> None:
    class Glitch(RegisterDevice):
        irq = Interrupt()
        A = Register(0, RW, "A.", reset=1)
        B = Register(4, RW, "B.")

        @irq.level
        def _differ(self) -> bool:
            return self._difference() != 1

        def _difference(self) -> int:
            return self.A ^ self.B

        @B.on_write
        def _move(self, value: int) -> None:
            self.A ^= 1
            self.B ^= 1

    levels: list[bool] = []
    device = Glitch()
    device.attach(detached(lines={0: InterruptLine(levels.append)}))
    device.write(4, 4, 0)
    assert levels == []
    device.A ^= 1  # through a method that the level calls
    assert levels == [True]


def test_pulse_is_an_edge(fixture: Fixture) -> None:
    fixture.nic.write(0x14, 4, 1)
    assert fixture.edges == [True, False]


def test_line_that_the_device_drives_is_let_go_by_a_reset_and_kept_by_a_snapshot(fixture: Fixture) -> None:
    nic = fixture.nic
    nic.link.set(True)
    revert, saved = nic.capture(), nic.save()
    nic.reset()
    assert fixture.edges == [True, False]
    revert()
    assert nic.link.level
    nic.reset()
    nic.load(saved)
    assert nic.link.level
    assert fixture.edges == [True, False, False]


def test_restored_level_is_no_edge(fixture: Fixture) -> None:
    nic, _, line, _ = fixture
    nic.STATUS = nic.MASK = Events.DONE
    revert = nic.capture()
    changes: list[bool] = []
    line.sink = changes.append
    nic.STATUS = 0
    line.level = True  # what the interrupt controller's own revert does
    changes.clear()
    revert()
    assert (line.level, changes) == (True, [])


# Timers


def test_timer_expires_exactly_when_it_is_due(fixture: Fixture) -> None:
    nic, time, _, _ = fixture
    time.now = 7
    nic.write(0x0C, 4, 1)
    time.pass_until(1006)
    assert nic.STATUS == 0
    time.pass_until(1007)
    assert nic.STATUS == Events.DONE
    assert not nic.poll.is_running


def test_periodic_timer_goes_on_until_it_is_cancelled() -> None:
    class Ticker(RegisterDevice):
        tick = Timer()
        times = State(list)

        @tick.expires
        def _tick(self) -> None:
            self.times.append(self.clock.now())
            if len(self.times) == 4:
                self.tick.cancel()

    time, ticker = Time(), Ticker()
    ticker.attach(detached(clock=time.clock))
    ticker.tick.every(100, first=5)
    time.pass_until(1000)
    assert ticker.times == [5, 105, 205, 305]


@pytest.mark.parametrize("delay", [0, -5, 1 << 64])
def test_timer_of_any_delay_lets_time_go_on(delay: int) -> None:
    class Restless(RegisterDevice):
        again = Timer()
        count = State(int)

        @again.expires
        def _again(self) -> None:
            self.count += 1
            self.again.after(delay)

    time, device = Time(), Restless()
    device.attach(detached(clock=time.clock))
    device.again.at(delay)
    time.pass_until(100)
    assert device.count == (0 if delay > 100 else 100)


def test_periods_that_have_been_missed_do_not_come_later() -> None:
    class Ticker(RegisterDevice):
        tick = Timer()
        times = State(list)

        @tick.expires
        def _tick(self) -> None:
            self.times.append(self.clock.now())

    time, ticker = Time(), Ticker()
    ticker.attach(detached(clock=time.clock))
    time.now = 1 << 40  # what an edited file can say
    ticker.load(ticker.save() | {"timers": {"tick": [3, 10]}})
    time.clock.run_due(time.now)
    assert ticker.times == [1 << 40]
    time.pass_until((1 << 40) + 20)
    assert [when % 10 for when in ticker.times[1:]] == [3, 3]


def test_device_that_is_first_in_the_tree_expires_first_however_much_it_declares() -> None:
    order: list[int] = []
    registers = {f"R{number}": Register(4 * number, RW, "One.") for number in range(100)}
    base = type("Base", (RegisterDevice,), registers)

    class Ticker(base):  # type: ignore[valid-type, misc]
        tick = Timer()

        @tick.expires
        def _tick(self) -> None:
            order.append(self.services.rank)

    class Small(RegisterDevice):
        tick = Timer()

        @tick.expires
        def _tick(self) -> None:
            order.append(self.services.rank)

    time, devices = Time(), (Ticker(), Small())
    for place, device in enumerate(devices):
        device.attach(detached(clock=time.clock)._replace(rank=place * RANKS))
    for device in reversed(devices):
        device.tick.at(10)
    time.pass_until(10)
    assert order == [0, RANKS]


def test_level_that_depends_on_a_timer_follows_it() -> None:
    class Waiting(RegisterDevice):
        irq = Interrupt()
        wait = Timer()

        @irq.level
        def _waits(self) -> bool:
            return self.wait.is_running

    time, device = Time(), Waiting()
    device.attach(detached(clock=time.clock))
    device.wait.after(5)
    assert device.irq.level
    time.pass_until(5)
    assert not device.irq.level
    device.wait.after(5)
    device.wait.cancel()
    assert not device.irq.level


def test_reset_stops_a_timer(fixture: Fixture) -> None:
    nic, time, _, _ = fixture
    nic.write(0x0C, 4, 1)
    nic.reset()
    time.pass_until(5000)
    assert nic.STATUS == 0


@pytest.mark.parametrize("way", ["capture", "load"])
def test_timer_goes_on_after_a_return(fixture: Fixture, way: str) -> None:
    nic, time, _, _ = fixture
    nic.write(0x0C, 4, 1)
    time.now = 400
    saved = json.loads(json.dumps(nic.save() | {"state": {}}))
    revert = nic.capture() if way == "capture" else lambda: nic.load(saved)
    for _ in range(2):
        time.pass_until(3000)
        assert nic.STATUS == Events.DONE
        time.now = 400
        time.clock.clear()
        revert()
        assert nic.STATUS == 0
        time.pass_until(999)
        assert nic.STATUS == 0
        time.pass_until(1000)
        assert nic.STATUS == Events.DONE


def test_timers_of_one_time_expire_in_the_same_order_after_a_restore() -> None:
    order: list[str] = []

    class Two(RegisterDevice):
        first = Timer()
        second = Timer()

        @first.expires
        def _first(self) -> None:
            order.append("first")

        @second.expires
        def _second(self) -> None:
            order.append("second")

    time, device = Time(), Two()
    device.attach(detached(clock=time.clock))
    device.second.at(10)
    device.first.at(10)
    revert = device.capture()
    time.pass_until(10)
    time.now = 0
    time.clock.clear()
    revert()
    time.pass_until(10)
    assert order[:2] == order[2:]


# State


def test_state_is_reset_to_its_default(fixture: Fixture) -> None:
    nic = fixture.nic
    nic.write(0x0C, 4, 5)
    nic.name_of_host = "there"
    assert (nic.queue, nic.statistics.requests) == ([Request(5, b"kick")], 1)
    nic.reset()
    assert (nic.queue, nic.statistics, nic.name_of_host) == ([], Statistics(), "there")
    # The default itself has not been changed.
    assert Nic().statistics == Statistics()


def test_state_is_brought_back_as_often_as_wanted(fixture: Fixture) -> None:
    nic = fixture.nic
    nic.write(0x0C, 4, 5)
    revert = nic.capture()
    for _ in range(2):
        nic.write(0x0C, 4, 6)
        nic.statistics.names = ["changed"]
        revert()
        assert nic.queue == [Request(5, b"kick")]
        assert nic.statistics == Statistics(1)


def test_state_moves_to_another_device(fixture: Fixture) -> None:
    nic = fixture.nic
    nic.write(0x0C, 4, 5)
    nic.statistics.names = ["a", "b"]
    nic.name_of_host = "here"
    other = Nic()
    other.load(nic.save())
    assert (other.queue, other.statistics, other.name_of_host) == (nic.queue, nic.statistics, "here")
    assert type(other.queue[0]) is Request
    assert type(other.statistics) is Statistics


def test_guest_cannot_fill_a_queue_beyond_its_limit(fixture: Fixture) -> None:
    nic = fixture.nic
    for value in range(10):
        nic.write(0x0C, 4, value)
    assert [request.address for request in nic.queue] == [0, 1, 2, 3]
    assert nic.guest_errors.count == 6


@pytest.mark.parametrize(
    "state",
    [
        {"queue": 3},
        {"queue": [[1]]},
        {"queue": [[1, "text"]]},
        {"queue": [[1, b""]] * 5},
        {"statistics": [1, None, 2]},
        {"statistics": {}},
        {"queue": [{"list": []}]},
        {"statistics": ["many", None]},
        {"name_of_host": "far too long"},
        {"name_of_host": 5},
        {"unknown": 5},
    ],
)
def test_state_that_cannot_be_is_refused_and_named(fixture: Fixture, state: dict[str, object]) -> None:
    nic = fixture.nic
    with pytest.raises(ValueError, match=f"nic: saved state: .*{next(iter(state))}"):
        nic.load(nic.save() | {"state": state})


@pytest.mark.parametrize("poll", [5, [1], [1, 2, 3], [-1, 0], [1 << 63, 0], ["1", 0], [1, -1], [True, 0]])
def test_timer_that_cannot_be_is_refused(fixture: Fixture, poll: object) -> None:
    with pytest.raises(ValueError, match="poll"):
        fixture.nic.load(fixture.nic.save() | {"timers": {"poll": poll}})


def test_value_of_another_kind_is_not_saved(fixture: Fixture) -> None:
    fixture.nic.queue = [object()]
    with pytest.raises(ValueError, match="queue"):
        fixture.nic.save()


def test_deque_drops_its_oldest() -> None:
    class Log(RegisterDevice):
        lines = State(deque, limit=2)

    log = Log()
    log.lines.extend([1, 2, 3])
    other = Log()
    other.load(log.save())
    other.lines.append(4)
    assert (list(log.lines), list(other.lines)) == ([2, 3], [3, 4])


HASHABLE = st.recursive(
    st.none()
    | st.integers(-(1 << 70), 1 << 70)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.booleans(),
    lambda elements: st.tuples(elements, elements) | st.frozensets(elements, max_size=3),
    max_leaves=4,
)
VALUES = st.recursive(
    HASHABLE | st.binary(max_size=5).map(bytearray),
    lambda elements: (
        st.lists(elements, max_size=3)
        | st.lists(elements, max_size=3).map(deque)
        | st.dictionaries(HASHABLE, elements, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.tuples(elements)
    ),
    max_leaves=6,
)


class Holder(RegisterDevice):
    values = State(list)
    named = State(dict)


def shown(values: object) -> str:
    """Return what tells values apart that are equal, but for the order of sets."""
    if isinstance(values, set | frozenset):
        return f"{type(values)}{sorted(map(shown, values))}"
    if isinstance(values, dict):
        return f"dict{[(shown(key), shown(value)) for key, value in values.items()]}"
    if isinstance(values, list | tuple | deque):
        return f"{type(values)}{list(map(shown, values))}"
    return repr(values)


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(st.lists(VALUES, max_size=4), st.dictionaries(HASHABLE, VALUES, max_size=3))
def test_containers_of_plain_values_are_saved_and_brought_back_as_they_are(
    values: list[object], named: dict[object, object]
) -> None:
    holder, other = Holder(), Holder()
    holder.values, holder.named = values, named
    expected = shown([values, named])
    other.load(holder.save())
    assert shown([other.values, other.named]) == expected
    revert = holder.capture()
    holder.reset()
    revert()
    assert shown([holder.values, holder.named]) == expected


class Mode(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"


class Place(NamedTuple):
    x: int = 0
    y: int = 5


@dataclass
class Everything:
    place: Place = field(default_factory=Place)
    mode: Mode = Mode.IDLE
    optional: Place | None = None
    older: Optional[Place] = None  # noqa: UP045 - as many authors write it
    places: list[Place] = field(default_factory=list)
    named: dict[int, Place] = field(default_factory=dict)
    pair: tuple[int, int] = (0, 0)
    buffer: bytearray = field(default_factory=bytearray)
    queue: deque[Place] = field(default_factory=deque)


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (State(Mode, default=Mode.IDLE), Mode.BUSY),
        (State(int, default=-1), -7),
        (State(set, of=Mode), {Mode.BUSY, Mode.IDLE}),
        (State(deque, of=Place), deque([Place(1)])),
        (State(dict, of=Place), {(1, b"key"): Place(1)}),
        (State(tuple), (1, "a")),
        (State(Everything), Everything()),
        (
            State(Everything),
            Everything(
                *(Place(1), Mode.BUSY, Place(2), Place(3), [Place(4)], {5: Place(6)}, (7, 8)),
                *(bytearray(b"9"), deque([Place(10)])),
            ),
        ),
    ],
)
def test_state_of_any_kind_is_saved_as_it_is(state: State[Any], value: object) -> None:
    kind = type("Kind", (RegisterDevice,), {"state": state})
    device, other = kind(), kind()
    device.state = value
    other.load(
        json.loads(json.dumps(device.save())) if not isinstance(value, Everything | dict) else device.save()
    )
    assert shown(other.state) == shown(value)
    assert other.state == value


def test_record_of_an_older_version_has_the_defaults_of_its_new_fields() -> None:
    class Older(RegisterDevice):
        place = State(Place)

    device = Older()
    device.load(device.save() | {"state": {"place": [7]}})
    assert device.place == Place(7, 5)


def test_order_of_a_dict_is_brought_back() -> None:
    holder = Holder()
    holder.named = {1: 1, 2: 2}
    revert = holder.capture()
    holder.named[1] = holder.named.pop(1)
    revert()
    assert list(holder.named) == [1, 2]


def test_record_whose_kind_is_not_declared_is_not_saved() -> None:
    holder = Holder()
    holder.values = [Place()]
    with pytest.raises(ValueError, match="values"):
        holder.save()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: State(float),
        lambda: State(object),
        lambda: State(Mode),
        lambda: State(list, limit=2, default=[1, 2, 3]),
        lambda: State(bytearray, default=bytes(3)),  # type: ignore[arg-type]
        lambda: State(int, limit=5, default=5),
    ],
)
def test_state_that_could_not_be_kept_is_refused_where_it_is_declared(
    declare: Callable[[], object],
) -> None:
    with pytest.raises(TypeError):
        declare()


@pytest.mark.parametrize(
    ("kind", "more", "left"),
    [
        (bytes, b"x", b"xxx"),
        (str, "x", "xxx"),
        (set, None, {0, 1, 2}),
        (dict, None, {0: 0, 1: 1, 2: 2}),
        (bytearray, b"x", bytearray(b"xxx")),
    ],
)
def test_limit_holds_for_each_kind(kind: type, more: Any, left: object) -> None:
    class Growing(RegisterDevice):
        held = State(kind, limit=3)
        GROW = Register(0, WO, "Adds something.")

        @GROW.after_write
        def _grow(self, value: int) -> None:
            if kind is set:
                self.held.add(value)
            elif kind is dict:
                self.held[value] = value
            else:
                self.held += more

    device = Growing()
    for value in (0, 1, 2, 4, 3):
        device.write(0, 4, value)
    assert (device.held, device.guest_errors.count) == (left, 2)
    device.save()


# Fields


def test_fields_are_read_and_set_by_name(fixture: Fixture) -> None:
    nic = fixture.nic
    nic.fields.CONTROL.MODE = 9
    nic.fields.CONTROL.ENABLE = 1
    assert nic.CONTROL == 0x91
    assert (nic.fields.CONTROL.MODE, nic.fields.CONTROL.ENABLE) == (9, 1)
    assert Control.MODE.get(nic.CONTROL) == 9
    assert Control.MODE.put(3) == 0x30
    with pytest.raises(ValueError, match="MODE"):
        nic.fields.CONTROL.MODE = 16
    with pytest.raises(AttributeError, match="SPEED"):
        _ = nic.fields.CONTROL.SPEED


def test_field_that_a_level_depends_on_changes_the_level(fixture: Fixture) -> None:
    fixture.nic.fields.MASK.DONE = 1
    fixture.nic.fields.STATUS.DONE = 1
    assert fixture.line.level


# Regions, byte order, widths


def test_each_region_has_its_registers(fixture: Fixture) -> None:
    nic = fixture.nic
    assert nic.regions == (0, "ring")
    nic.write(0x00, 4, 0x1234, region="ring")
    assert (nic.RING, nic.STATUS) == (0x1234, 0)
    assert nic.register_name(0, True, "ring") == "RING"
    nic.write(0x04, 4, 1, region="ring")
    assert nic.guest_errors.count == 1


class Little(RegisterDevice):
    byte_order = "little"
    byte_order_from_node = True
    WORD = Register(0x0, RW, "A word.", widths=(1, 2, 4))
    LONG = Register(0x8, RW, "A long one, in halves.", width=8, widths=(4,))
    EVENTS = Register(0x10, W1C, "Events.", widths=(1, 4), reset=0xFFFF_FFFF)


class Big(Little):
    byte_order = "big"


def test_value_of_a_little_endian_register_is_the_drivers() -> None:
    little = Little()
    little.write(0, 4, 0x78563412)
    assert little.WORD == 0x12345678
    assert little.read(0, 4) == 0x78563412


@pytest.mark.parametrize(
    ("properties", "value"),
    [({}, 0x12345678), ({"big-endian": b""}, 0x78563412), ({"native-endian": b""}, 0x78563412)],
)
def test_node_says_the_byte_order(properties: dict[str, bytes], value: int) -> None:
    little = Little()
    little.attach(detached(node=DetachedNode(properties)))
    little.write(0, 4, 0x78563412)
    assert value == little.WORD


@pytest.mark.parametrize(("properties", "memory"), [({}, b"\x34\x12"), ({"big-endian": b""}, b"\x12\x34")])
def test_numbers_in_guest_memory_have_the_byte_order_of_the_device(
    properties: dict[str, bytes], memory: bytes
) -> None:
    little = Little()
    little.attach(detached(node=DetachedNode(properties), ram=0x1000))
    assert little.memory.write_number(0x10, 2, 0x1234)
    assert little.memory.read(0x10, 2) == memory
    assert little.memory.read_number(0x10, 2) == 0x1234


@pytest.mark.parametrize("kind", [Little, Big])
@given(
    accesses=st.lists(
        st.tuples(st.integers(0, 0x14), st.sampled_from([1, 2, 4, 8]), st.integers(0, (1 << 64) - 1)),
        max_size=12,
    )
)
def test_narrow_access_reaches_the_bytes_that_it_names(
    kind: type[Little], accesses: list[tuple[int, int, int]]
) -> None:
    """The registers are memory to whoever accesses them in allowed widths."""
    device = kind()
    memory = bytearray(0x20)
    memory[0x10:0x14] = b"\xff" * 4
    for offset, size, value in accesses:
        widths = {0: (1, 2, 4), 2: (4,), 3: (4,), 4: (1, 4)}.get(offset // 4, ())
        is_defined = size in widths and offset % size == 0
        before = device.guest_errors.count
        device.write(offset, size, value)
        assert (device.guest_errors.count == before) == is_defined
        if is_defined:
            data = (value & (1 << 8 * size) - 1).to_bytes(size, "big")
            for place, byte in enumerate(data, offset):
                memory[place] = memory[place] & ~byte & 0xFF if place >= 0x10 else byte
            assert device.read(offset, size) == int.from_bytes(memory[offset : offset + size], "big")
    order = kind.byte_order
    assert int.from_bytes(memory[0:4], order) == device.WORD
    assert int.from_bytes(memory[8:16], order) == device.LONG
    assert int.from_bytes(memory[16:20], order) == device.EVENTS


# Buffers


class Buffers(RegisterDevice):
    irq = Interrupt()
    RX = Fifo(0x00, RO, "What has been received.", depth=4, empty=0xFF)
    TX = Fifo(0x04, WO, "What is to be sent.", depth=2)
    CONFIG = Window(0x100, 16, RW, "Configuration.")
    ROM = Window(0x200, 8, RO, "Identification.", constant=True)
    writes = State(list)

    @irq.level
    def _received(self) -> bool:
        return len(self.RX) > 0

    @CONFIG.after_write
    def _configured(self, offset: int, size: int) -> None:
        self.writes.append((offset, size))


@pytest.fixture
def buffers() -> Buffers:
    return Buffers()


def test_fifo_gives_what_was_put_in_and_loses_what_has_no_room(buffers: Buffers) -> None:
    buffers.RX.extend(range(6))
    assert [buffers.read(0, 4) for _ in range(5)] == [0, 1, 2, 3, 0xFF]
    for value in range(3):
        buffers.write(4, 4, value)
    assert list(buffers.TX) == [0, 1]
    assert buffers.TX.popleft() == 0


def test_level_follows_a_fifo(buffers: Buffers) -> None:
    line = InterruptLine()
    buffers.attach(detached(lines={0: line}))
    buffers.RX.append(5)
    assert line.level
    buffers.read(0, 4)
    assert not line.level


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_window_is_memory(buffers: Buffers, size: int) -> None:
    buffers.write(0x103, size, 0x0102030405060708)
    data = (0x0102030405060708 & (1 << 8 * size) - 1).to_bytes(size, "big")
    assert bytes(buffers.CONFIG[3 : 3 + size]) == data
    assert int.from_bytes(data, "big") == buffers.read(0x103, size)
    assert buffers.writes == [(3, size)]
    buffers.ROM[0] = 7
    buffers.write(0x200, 1, 5)
    assert (buffers.read(0x200, 1), buffers.guest_errors.count) == (7, 1)
    buffers.read(0x10C + 4, 4)
    assert buffers.guest_errors.count == 2


@pytest.mark.parametrize("way", ["capture", "load"])
def test_buffers_are_brought_back(buffers: Buffers, way: str) -> None:
    buffers.RX.extend([1, 2])
    buffers.CONFIG[:4] = b"abcd"
    buffers.ROM[0] = 9
    read = buffers.reader(0x100, 4)
    saved = buffers.save()
    revert: Callable[[], None] = buffers.capture() if way == "capture" else lambda: buffers.load(saved)
    for _ in range(2):
        buffers.reset()
        assert (list(buffers.RX), read(), buffers.ROM[0]) == ([], 0, 9)
        revert()
        assert (list(buffers.RX), read()) == ([1, 2], 0x61626364)


def test_what_is_assigned_to_a_buffer_is_what_the_guest_reads(buffers: Buffers) -> None:
    read_window, read_fifo = buffers.reader(0x100, 4), buffers.reader(0x00, 4)
    buffers.CONFIG = b"abcd" + bytes(12)
    buffers.RX = [5, 6]
    assert buffers.irq.level
    assert (read_window(), read_fifo()) == (0x6162_6364, 5)
    buffers.RX = ()
    assert not buffers.irq.level
    with pytest.raises(ValueError, match="CONFIG"):
        buffers.CONFIG = b"short"


def test_what_is_assigned_to_an_array_is_what_the_guest_reads() -> None:
    watchdog = Watchdog()
    read = watchdog.reader(0xC, 4)
    watchdog.ERRORS = [1, 2]
    assert read() == 2
    with pytest.raises(ValueError, match="ERRORS"):
        watchdog.ERRORS = [1, 2, 3]


def test_window_of_another_size_is_refused(buffers: Buffers) -> None:
    with pytest.raises(ValueError, match="CONFIG"):
        buffers.load(buffers.save() | {"windows": {"CONFIG": b"short"}})


class Keyboard(RegisterDevice):
    """Says how many keys are left, and whether there was one, as Altera's PS/2 port does."""

    DATA = Fifo(0x0, RO, "Bits 7 to 0: the key; bit 15: there was one; 31 to 16: how many are left.")

    @DATA.on_read
    def _key(self) -> int:
        return 1 << 15 | self.DATA.popleft() | len(self.DATA) << 16 if self.DATA else 0


def test_read_of_a_fifo_may_tell_more_than_the_oldest() -> None:
    keyboard = Keyboard()
    keyboard.DATA = [0x1C, 0x32]
    assert [keyboard.read(0, 4) for _ in range(3)] == [0x0001_801C, 0x0000_8032, 0]


# Hooks that would do nothing


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (Register(0, RO, "Read."), "on_write"),
        (Register(0, RO, "Read."), "after_write"),
        (Register(0, RC, "Read."), "after_write"),
        (Register(0, WO, "Written."), "on_read"),
        (Fifo(0, WO, "Written."), "after_read"),
        (RegisterArray(0, RO, "Read.", dimensions=((2, 4),)), "on_write"),
    ],
)
def test_hook_of_an_access_that_is_not_defined_is_refused(
    declared: Register | Fifo | RegisterArray, kind: str
) -> None:
    with pytest.raises(TypeError, match="_act"):

        class Odd(RegisterDevice):
            REGISTER = declared

            @getattr(declared, kind)
            def _act(self, *values: int) -> int:
                return 0


def test_one_of_two_hooks_does_not_get_lost() -> None:
    with pytest.raises(TypeError, match="_first and _second"):

        class Twice(RegisterDevice):
            GO = Register(0, WO, "Starts.")

            @GO.after_write
            def _first(self, value: int) -> None: ...

            @GO.after_write
            def _second(self, value: int) -> None: ...


# Bits that accesses clear


class Watchdog(RegisterDevice):
    irq = Interrupt()
    CONTROL = Register(0x0, RW, "Mixed.", widths=(1, 4), reset=0x0000_0C01, w1c=0x0C00, writable=0x0000_0FFF)
    EVENTS = Register(0x4, RC, "What has happened.")
    ERRORS = RegisterArray(0x8, RC, "Errors of each lane.", dimensions=((2, 4),))

    @irq.level
    def _has_events(self) -> int:
        return self.EVENTS


@pytest.mark.parametrize(
    ("offset", "size", "value", "expected"),
    [
        (0, 4, 0x0000_0402, 0x0000_0802),
        (0, 4, 0xFFFF_F0FF, 0x0000_0CFF),
        (0, 4, 0x0000_0C00, 0),
        (3, 1, 0x02, 0x0000_0C02),
        (2, 1, 0x08, 0x0000_0401),
        (2, 1, 0x03, 0x0000_0F01),
    ],
)
def test_ones_clear_some_bits_and_others_are_stored(
    offset: int, size: int, value: int, expected: int
) -> None:
    watchdog = Watchdog()
    watchdog.write(offset, size, value)
    assert expected == watchdog.CONTROL


def test_documentation_names_the_bits_that_ones_clear() -> None:
    assert "W1C 0xc00" in describe(Watchdog)


def test_read_clears_what_it_has_told_and_the_interrupt_with_it() -> None:
    watchdog = Watchdog()
    watchdog.attach(detached())
    watchdog.EVENTS = 5
    assert watchdog.irq.level
    assert (watchdog.read(0x4, 4), watchdog.irq.level, watchdog.read(0x4, 4)) == (5, False, 0)
    watchdog.ERRORS[:] = [1, 2]
    assert (watchdog.read(0xC, 4), watchdog.ERRORS) == (2, [1, 0])
    watchdog.write(0x4, 4, 7)
    assert (watchdog.EVENTS, watchdog.guest_errors.count) == (0, 1)


# Ints of a device


class Clockwork(RegisterDevice):
    ahead = State(int)
    small = State(int, limit=1 << 16)


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("ahead", -(1 << 63), True),
        ("ahead", (1 << 64) - 1, True),
        ("ahead", 1 << 64, False),
        ("small", -1, False),
        ("small", 0xFFFF, True),
        ("small", 1 << 16, False),
    ],
)
def test_int_without_a_limit_may_be_negative(name: str, value: int, fits: bool) -> None:
    device, other = Clockwork(), Clockwork()
    setattr(device, name, value)
    if fits:
        other.load(json.loads(json.dumps(device.save())))
        assert getattr(other, name) == value
    else:
        with pytest.raises(ValueError, match=name):
            device.save()


def test_property_of_the_node_has_a_default_or_must_be_there() -> None:
    node = DetachedNode({"lanes": (3).to_bytes(4, "big")})
    assert (node.cell("lanes", 1), node.cell("speed", 1)) == (3, 1)
    with pytest.raises(DeviceTreeError, match="speed"):
        node.cell("speed")


# Subclasses


class SilentNic(Nic):
    """Does without a register of its base, has one at its place, and asserts its line from power-on."""

    CONTROL = None  # type: ignore[assignment]
    OTHER = Register(0x08, RW, "Something else.", reset=7)
    MASK = Register(0x04, RW, "What interrupts.", reset=Events.DONE)
    STATUS = Register(0x00, W1C, "What has happened.", reset=Events.DONE)


def test_subclass_does_without_a_register_of_its_base() -> None:
    device = SilentNic()
    assert device.read(0x08, 4) == 7
    assert "CONTROL" not in device.save()["registers"]  # type: ignore[operator]
    assert device.guest_errors.count == 0


def test_line_that_is_asserted_from_power_on_is_asserted_once_it_is_connected() -> None:
    device, line = SilentNic(), InterruptLine()
    device.attach(detached(lines={0: line}))
    assert line.level


# Older states


class Renamed(RegisterDevice):
    """Its second version calls LEVEL what was called VOLUME, and counts in other steps."""

    state_version = 2
    LEVEL = Register(0, RW, "How loud.")

    def upgrade(self, state: dict[str, object], version: int) -> dict[str, object]:
        registers = state["registers"]
        assert isinstance(registers, dict)
        registers["LEVEL"] = registers.pop("VOLUME") * 10
        return state


def test_older_state_is_loaded_by_way_of_its_upgrade_as_often_as_wanted() -> None:
    older = {"version": 1, "registers": {"VOLUME": 3}}
    for _ in range(2):
        device = Renamed()
        device.load(older)
        assert device.LEVEL == 30
    newer = Renamed()
    newer.load(device.save())
    assert newer.LEVEL == 30


# What is not declared


class Careless(RegisterDevice):
    GO = Register(0, WO, "Counts.")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.seen: list[int] = []
        self.helper = object()

    @GO.on_write
    def _go(self, value: int) -> None:
        self.count += 1
        self.seen.append(value)
        self.late = value


def test_change_of_what_is_not_declared_is_told_and_does_not_leak() -> None:
    device = Careless()
    revert = device.capture()
    assert device.undeclared_changes() == []
    for _ in range(2):
        device.write(0, 4, 5)
        assert sorted(device.undeclared_changes()) == ["count", "late", "seen"]
        revert()
        assert (device.count, device.seen, hasattr(device, "late")) == (0, [], False)
        assert device.undeclared_changes() == []
    device.helper = object()
    assert device.undeclared_changes() == ["helper"]


def test_change_of_what_is_declared_is_none(fixture: Fixture) -> None:
    fixture.nic.capture()
    fixture.nic.write(0x0C, 4, 5)
    fixture.nic.STATUS = 1
    assert fixture.nic.undeclared_changes() == []


# What a level looks at


def is_any(device: Any) -> bool:
    return bool(device.A)


class ByHelper(RegisterDevice):
    irq = Interrupt()
    A = Register(0x0, RW, "A.")
    B = Register(0x4, RW, "B.")

    @irq.level
    def _level(self) -> bool:
        return is_any(self)


class ByName(ByHelper):
    def _level(self) -> bool:
        return any(getattr(self, name) for name in ("A", "B"))


class ByProperty(ByHelper):
    @property
    def _any(self) -> int:
        return self.A

    def _level(self) -> bool:
        return any(value for value in [self._any])


class ByBase(ByProperty):
    def _level(self) -> bool:
        return bool(self.B) or super()._level()


class ByStatic(ByHelper):
    @staticmethod
    def _look(device: ByHelper) -> int:
        return device.A

    def _level(self) -> bool:
        return bool(self._look(self))


@pytest.mark.parametrize("kind", [ByHelper, ByName, ByProperty, ByBase, ByStatic])
def test_level_follows_registers_however_it_looks_at_them(kind: type[ByHelper]) -> None:
    device = kind()
    device.attach(detached())
    device.write(0x0, 4, 1)
    assert device.irq.level
    device.A = 0
    assert not device.irq.level
    device.A = 1
    assert device.irq.level
    device.reset()
    assert not device.irq.level


def test_base_of_a_device_with_a_level_is_as_it_was() -> None:
    class Base(RegisterDevice):
        irq = Interrupt()
        A = Register(0x0, RW, "A.")

    class Derived(Base):
        @Base.irq.level
        def _level(self) -> int:
            return self.A

    base, derived = Base(), Derived()
    for device in (base, derived):
        device.attach(detached())
        device.A = 1
    assert (base.irq.level, derived.irq.level) == (False, True)
    assert Base.A is not Derived.A


def test_value_beyond_the_width_is_saved_as_the_guest_reads_it() -> None:
    class Careless(RegisterDevice):
        COUNT = Register(0x0, RO, "A count.")
        COUNTS = RegisterArray(0x10, RO, "Counts.", dimensions=((2, 4),))
        BYTES = Fifo(0x4, RO, "Bytes.", width=1)

    device, other = Careless(), Careless()
    device.COUNT -= 1
    device.COUNTS[1] -= 1
    device.BYTES.append(0x1FE)
    other.load(device.save())
    assert (other.COUNT, other.COUNTS, other.read(0x4, 1)) == (0xFFFF_FFFF, [0, 0xFFFF_FFFF], 0xFE)


def test_fifo_keeps_to_its_depth_whichever_way_it_is_filled(buffers: Buffers) -> None:
    buffers.attach(detached())
    buffers.RX += [1, 2, 3]
    buffers.RX.appendleft(0)
    assert buffers.RX.pop() == 3
    for value in range(5):
        buffers.RX.appendleft(value)
        buffers.RX += [value]
    assert list(buffers.RX) == [0, 0, 1, 2]
    while buffers.RX:
        assert buffers.irq.level
        buffers.RX.pop()
    assert not buffers.irq.level


@pytest.mark.parametrize("name", ["irq", "poll"])
def test_line_and_timer_are_driven_and_not_replaced(fixture: Fixture, name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        setattr(fixture.nic, name, True)
    assert isinstance(fixture.nic.irq, InterruptLine)


def test_fields_of_an_array_are_those_of_each_register() -> None:
    class Lanes(RegisterDevice):
        LANES = RegisterArray(0, RW, "Lanes.", dimensions=((2, 4),), fields=Control)

    lanes = Lanes()
    lanes.fields.LANES[1].MODE = 5
    assert (lanes.LANES, lanes.fields.LANES[1].MODE) == ([0, 0x50], 5)
    assert lanes.read(4, 4) == 0x50


@pytest.mark.parametrize("name", ["name", "memory", "reset", "services", "clock"])
def test_name_that_every_device_has_already_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        type("Named", (RegisterDevice,), {name: State(int)})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Register(0, RW, "A word."), Register(2, RW, "A half.", width=2)),
        (Window(0, 8, RW, "Bytes."), Window(4, 8, RW, "Bytes.")),
        (Register(0, RW, "A long one.", width=8), Fifo(4, RW, "Its half.")),
    ],
)
def test_two_at_one_place_are_refused(one: object, other: object) -> None:
    with pytest.raises(TypeError, match=r"FIRST.*SECOND"):
        type("Crowded", (RegisterDevice,), {"FIRST": one, "SECOND": other})()

# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device's declarations keep, and what they tell, through accesses, restores and older states."""

from __future__ import annotations

import pytest

from paradrive.devices import (
    RO,
    RW,
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
from paradrive.devices.fields import describe
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.pvctl import Command, Feature, Pvctl
from paradrive.devices.services import DetachedNode


class Sources(RegisterDevice):
    """Its interrupt is the or of several sources, each of which a read acknowledges."""

    irq = Interrupt()
    SOURCE = RegisterArray(0x0, RW, "What each source wants.", dimensions=((4, 4),))
    MASK = Register(0x10, RW, "Which count.", reset=0xF)

    @irq.level
    def _any(self) -> bool:
        return any(self.SOURCE[index] and self.MASK >> index & 1 for index in range(4))

    @SOURCE.on_read
    def _acknowledge(self, index: int) -> int:
        value, self.SOURCE[index] = self.SOURCE[index], 0
        return value


def test_line_falls_behind_the_read_that_acknowledges() -> None:
    device, edges = Sources(), []
    device.attach(detached(lines={0: InterruptLine(edges.append)}))
    device.write(0x4, 4, 7)
    assert edges == [True]
    assert device.read(0x4, 4) == 7
    assert edges == [True, False]


def test_restore_of_a_level_is_no_edge_at_the_controller() -> None:
    """The controller has brought back by itself what it knew of the line."""
    device, edges = Sources(), []
    line = InterruptLine(edges.append)
    device.attach(detached(lines={0: line}))
    device.write(0x0, 4, 1)
    revert = device.capture()
    device.write(0x10, 4, 0)
    assert edges == [True, False]
    revert()
    assert (line.level, edges) == (True, [True, False])
    device.write(0x10, 4, 0)
    assert edges == [True, False, False]


class Partial(RegisterDevice):
    """Registers of which a write changes some bits, and what is told of it."""

    LOW = Register(0x0, RW, "Only its low half is writable.", reset=0xABCD0000, writable=0xFFFF)
    LOWS = RegisterArray(0x10, RW, "As LOW.", dimensions=((2, 4),), reset=0xABCD0000, writable=0xFFFF)
    told = State(list)

    @LOW.after_write
    def _low(self, value: int) -> None:
        self.told.append(value)

    @LOWS.after_write
    def _one_of_lows(self, index: int, value: int) -> None:
        self.told.append((index, value))


def test_hook_behind_a_write_is_told_what_the_register_holds() -> None:
    device = Partial()
    device.write(0x0, 4, 0x12345678)
    device.write(0x14, 4, 0x12345678)
    assert device.told == [0xABCD5678, (1, 0xABCD5678)]
    assert (device.LOW, device.LOWS) == (0xABCD5678, [0xABCD0000, 0xABCD5678])


class Volume(RegisterDevice):
    """A bit, a value and bits that have no name; a queue of two; a timer."""

    beat = Timer()

    class Bits(Fields):
        MUTE = 1 << 0
        LEVEL = bits(7, 4)

    STATE = Register(0x0, RW, "How loud.", fields=Bits)
    KEYS = Fifo(0x4, RO, "Keys.", depth=2, width=1)


def test_bits_without_a_name_are_told_in_a_trace() -> None:
    told = describe(Volume.Bits, 0x1_0021)
    assert set(told.split("|")) == {"MUTE", "LEVEL=2", "0x10000"}


def test_state_of_a_fifo_that_is_larger_than_the_fifo_is_refused() -> None:
    device = Volume()
    state = device.save()
    device.load(state | {"fifos": {"KEYS": [1, 2]}})
    with pytest.raises(ValueError, match="KEYS"):
        device.load(state | {"fifos": {"KEYS": [1, 2, 3]}})


def test_periodic_timer_may_expire_at_once_and_then_after_each_period() -> None:
    device = Volume()
    device.attach(detached())
    device.beat.every(1000, first=0)
    assert device.clock.next_event() == 1  # never in the same nanosecond: that would stop time


def test_timer_of_a_time_that_never_comes_does_not_run_and_is_saved_as_that() -> None:
    """A guest chooses times: whatever it chooses, its device can be saved and loaded."""
    device = Volume()
    device.attach(detached())
    device.beat.at(1 << 80)
    assert not device.beat.is_running
    device.load(device.save())


class Named(RegisterDevice):
    name_of_host = State(str, limit=8, survives_reset=True)


def test_what_an_older_state_does_not_hold_is_as_after_power_on_though_it_survives_resets() -> None:
    device = Named()
    older = device.save()
    device.name_of_host = "host"
    device.load(older | {"state": {}})
    assert device.name_of_host == ""


class Listening(RegisterDevice):
    heard = State(list, saved=False)


def test_what_is_not_to_be_saved_stands_in_no_saved_state() -> None:
    device = Listening()
    device.heard.append(1)
    assert "heard" not in device.save()["state"]  # type: ignore[operator]


def test_property_that_ends_within_a_cell_has_the_whole_ones() -> None:
    assert DetachedNode({"reg": b"\0\0\0\1\0\0"}).cells("reg") == (1,)


def test_accepted_command_that_would_never_be_carried_out_is_refused() -> None:
    device = Pvctl()
    device.attach(detached())
    device.delay = 100
    device.write(0x0C, 4, Feature.SHUTDOWN)
    device.write(0x10, 4, Command.SHUTDOWN)
    state = device.save()
    device.load(state)
    with pytest.raises(ValueError, match="pending"):
        device.load(state | {"timers": {}})


class Table(RegisterDevice):
    ENTRIES = Window(0, 64, RW, "A table.", region="table")
    CONTROL = Register(0, RW, "Control.")


def test_region_of_a_window_is_one_of_the_devices() -> None:
    assert set(Table.regions) == {0, "table"}


class Forgetful(RegisterDevice):
    def __init__(self) -> None:
        super().__init__()
        self.seen = [1]


def test_attribute_that_was_taken_away_is_told_and_comes_back() -> None:
    device = Forgetful()
    revert = device.capture()
    del device.seen
    assert device.undeclared_changes() == ["seen"]
    revert()
    assert device.seen == [1]

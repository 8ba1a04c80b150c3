# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``capture`` returns brings a device back to where it was, as ``load`` of ``save`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from mpic_driver import GTBCR, IACK, PIN, SVR, UART, Controller, ivpr

from paradrive.devices.detached import detached
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import ALL_FEATURES, Event, Feature, Pvctl
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register, RegisterArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.devices.device import State

WRITES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 255)), max_size=30)
PVCTL_REGISTERS = (Pvctl.ENABLE, Pvctl.ARGUMENT, Pvctl.EVENT, Pvctl.EVENT_MASK, Pvctl.COMMAND)


class Storage(RegisterDevice):
    """Registers and no more."""

    WORD = Register(0, RW, "A word.")
    WORDS = RegisterArray(4, RW, "Words.", dimensions=((4, 4),))


class Counter(Storage):
    """A device that saves more than its registers, and knows nothing of ``capture``."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def save(self) -> State:
        return super().save() | {"count": self.count}

    def load(self, state: Mapping[str, object]) -> None:
        super().load(state)
        self.count = int(str(state["count"]))


def test_registers_are_brought_back_to_those_who_keep_their_readers() -> None:
    device = Storage()
    read_word, read_element = device.reader(0, 4), device.reader(8, 4)
    device.write(8, 4, 5)
    revert = device.capture()
    for _ in range(2):
        device.write(0, 4, 7)
        device.write(8, 4, 7)
        revert()
        assert (read_word(), read_element()) == (0, 5)


def test_what_a_class_saves_besides_is_brought_back() -> None:
    device = Counter()
    revert = device.capture()
    device.count = 3
    device.write(0, 4, 7)
    revert()
    assert (device.count, device.WORD) == (0, 0)


@given(before=WRITES, after=WRITES, queued=st.binary(max_size=40))
def test_uart_returns(before: list[tuple[int, int]], after: list[tuple[int, int]], queued: bytes) -> None:
    line = InterruptLine()
    uart = Ns16550(line, lambda byte: None)

    def use(accesses: list[tuple[int, int]]) -> None:
        for register, value in accesses:
            if register < 8:
                uart.write(register, 1, value)
            else:
                uart.read(register - 8, 1)

    uart.receive(queued)
    use(before)
    revert, state, level = uart.capture(), uart.save(), line.level
    for _ in range(2):
        uart.receive(b"more")
        use(after)
        revert()
        assert (uart.save(), line.level) == (state, level)


@given(before=WRITES, after=WRITES)
def test_pvctl_returns(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    line = InterruptLine()
    pvctl = Pvctl()
    pvctl.attach(detached(lines={0: line}))

    def use(accesses: list[tuple[int, int]]) -> None:
        for register, value in accesses:
            pvctl.write(PVCTL_REGISTERS[register % len(PVCTL_REGISTERS)].offset, 4, value)
            pvctl.request(Event(value & 7))

    use(before)
    revert, state, level, commands = pvctl.capture(), pvctl.save(), line.level, pvctl.commands
    for _ in range(2):
        use(after)
        revert()
        assert (pvctl.save(), line.level, pvctl.commands) == (state, level, commands)


def test_pvctl_returns_to_the_features_that_its_host_still_offers() -> None:
    pvctl = Pvctl()
    pvctl.write(Pvctl.ENABLE.offset, 4, ALL_FEATURES)
    revert = pvctl.capture()
    pvctl.FEATURES = int(Feature.RESET)
    revert()
    assert pvctl.ENABLE == Feature.RESET


@given(before=WRITES, after=WRITES)
def test_interrupt_controller_returns(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    pic = Controller(cpus=2)
    lines = [pic.mpic.source(number) for number in (0, PIN, UART, UART)]
    pic[SVR] = 0xFF

    def use(accesses: list[tuple[int, int]]) -> None:
        for action, value in accesses:
            if action < 4:
                lines[action].set(value % 2 == 1)
            elif action < 8:
                pic[ivpr((0, PIN, UART, 3)[action - 4])] = (value & 15) << 16 | value
            elif action < 10:
                pic[GTBCR + (action - 8) * 0x40] = value << 24 | 100
            elif action < 12:
                pic.of_cpu(action - 10, IACK)
            else:
                pic.advance(value)

    use(before)
    revert, state, outputs, now = pic.mpic.capture(), pic.mpic.save(), list(pic.outputs), pic.time
    for _ in range(2):
        use(after)
        pic.time = now
        revert()
        assert (pic.mpic.save(), pic.outputs) == (state, outputs)
    # What is due, and what requests again, is the same as after loading.
    other = Controller(cpus=2)
    other.time = now
    for number in (0, PIN, UART, UART):
        other.mpic.source(number)
    other.mpic.load(state)
    for controller in (pic, other):
        controller.advance(10_000)
    assert (pic.mpic.save(), pic.outputs) == (other.mpic.save(), other.outputs)


def test_a_line_connected_later_is_not_asserted_after_the_return() -> None:
    pic = Controller()
    revert = pic.mpic.capture()
    line = pic.mpic.source(UART)
    line.set(True)
    revert()
    assert not line.level
    assert pic.mpic.save()["asserted"] == []

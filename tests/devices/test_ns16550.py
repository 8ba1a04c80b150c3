# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.cpu.clock import Clock
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.ns16550 import Ns16550

DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
FCR = IIR
RDI, THRI, RLSI, MSI = 1, 2, 4, 8
DLAB, RTS, OUT2, LOOPBACK = 0x80, 0x02, 0x08, 0x10
OVERRUN, BREAK, ERROR_IN_FIFO = 0x02, 0x10, 0x80
FIFO_ENABLE, CLEAR_RECEIVER, TRIGGER_8 = 0x01, 0x02, 0x80
NONE, MODEM, TRANSMITTER, RECEIVED, LINE_STATUS, TIMEOUT = 0x1, 0x0, 0x2, 0x4, 0x6, 0xC


class Port:
    """The UART with what it sends and its interrupt line, accessed as a driver does."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.sent = bytearray()
        self.line = InterruptLine()
        self.clock, self.now = clock or Clock(), 0
        self.uart = Ns16550(self.line, self.sent.append, clock)

    def __getitem__(self, register: int) -> int:
        return self.uart.read(register, 1)

    def __setitem__(self, register: int, value: int) -> None:
        self.uart.write(register, 1, value)

    def advance(self, nanoseconds: int) -> None:
        """Let guest time pass."""
        self.now += nanoseconds
        self.clock.run_due(self.now)

    def cause(self) -> int:
        return self[IIR] & 0x0F


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def receiver(port: Port) -> Port:
    port[FCR] = FIFO_ENABLE | TRIGGER_8
    port[MCR] = RTS | OUT2
    port[IER] = RDI
    return port


def test_power_on_state(port: Port) -> None:
    assert [port[register] for register in range(8)] == [0, 0, NONE, 0, 0, 0x60, 0xB0, 0]
    assert not port.line.level


def test_what_is_written_is_sent_at_once(port: Port) -> None:
    for byte in b"boot\xff":
        port[DATA] = byte
        assert port[LSR] & 0x60 == 0x60
    assert bytes(port.sent) == b"boot\xff"


def test_scratch_keeps_a_byte(port: Port) -> None:
    port[SCR] = 0xA5
    assert port[SCR] == 0xA5


def test_divisor_latch_hides_data_and_interrupt_enable(port: Port) -> None:
    port[IER] = RDI
    port[LCR] = DLAB | 3
    port[DATA], port[IER] = 0x34, 0x12
    assert (port[DATA], port[IER]) == (0x34, 0x12)
    port[LCR] = 3
    assert (port[DATA], port[IER]) == (0, RDI)
    assert port.sent == b""


def test_traces_name_the_divisor_latch(port: Port) -> None:
    names = [port.uart.register_name(offset, is_write) for offset in (0, 1) for is_write in (False, True)]
    assert names == ["RBR", "THR", "IER", "IER"]
    port[LCR] = DLAB
    assert [port.uart.register_name(offset, True) for offset in (0, 1, 2)] == ["DLL", "DLM", "FCR"]


def test_interrupt_enable_has_four_bits(port: Port) -> None:
    port[IER] = 0xF0
    assert port[IER] == 0


def test_fifo_bits_show_that_fifos_are_enabled(port: Port) -> None:
    port[FCR] = FIFO_ENABLE
    assert port[IIR] & 0xF0 == 0xC0
    port[FCR] = 0
    assert port[IIR] & 0xF0 == 0


def test_input_is_received_in_order(receiver: Port) -> None:
    receiver.uart.receive(b"abc")
    assert receiver[LSR] & 1
    assert [receiver[DATA] for _ in range(3)] == list(b"abc")
    assert not receiver[LSR] & 1


@pytest.mark.parametrize("fifo_control", [0, FIFO_ENABLE])
def test_input_longer_than_the_fifo_is_not_lost(port: Port, fifo_control: int) -> None:
    port[FCR] = fifo_control
    port[MCR] = RTS | OUT2
    data = bytes(range(256)) * 4
    port.uart.receive(data)
    received = bytearray()
    while port[LSR] & 1:
        received.append(port[DATA])
    assert received == data


def test_reading_an_empty_receiver_gives_zero(receiver: Port) -> None:
    assert receiver[DATA] == 0


def test_input_waits_for_rts_and_survives_a_clearing_driver(port: Port) -> None:
    port.uart.receive(b"early")
    assert not port[LSR] & 1
    port[FCR] = FIFO_ENABLE | CLEAR_RECEIVER
    assert port[DATA] == 0
    port[MCR] = RTS | OUT2
    assert bytes(port[DATA] for _ in range(5)) == b"early"


def test_input_waits_for_more_than_an_early_console(port: Port) -> None:
    port.uart.receive(b"early")
    port[MCR] = RTS
    assert not port[LSR] & 1
    port[MCR] = RTS | OUT2
    assert port[DATA] == ord("e")


def test_guest_that_polls_gets_input_whatever_modem_control_says(port: Port) -> None:
    port.uart.receive(b"ab")
    polls = 0
    while not port[LSR] & 1:
        polls += 1
        assert polls < 100
    assert [port[DATA], port[DATA]] == list(b"ab")
    port.uart.receive(b"c")
    assert port[DATA] == ord("c")


def test_guest_that_waits_to_send_does_not_get_input(port: Port) -> None:
    """As Linux' early console: it reads LSR before each character."""
    port[MCR] = RTS
    port.uart.receive(b"a")
    for byte in bytes(100):
        assert not port[LSR] & 1
        port[DATA] = byte


@pytest.fixture
def timed() -> Port:
    """Return a port with a clock: guest time stands still unless a test advances it."""
    port = Port(Clock())
    port.clock.read = lambda: port.now
    return port


def test_guest_that_waits_for_the_interrupt_gets_input_whatever_modem_control_says(timed: Port) -> None:
    timed[IER] = RDI
    timed.uart.receive(b"a")
    # Not at once: its driver may be about to clear the receiver.
    timed[FCR] = FIFO_ENABLE | CLEAR_RECEIVER
    assert not timed.line.level
    timed.advance(1_000_000)
    assert timed.line.level
    assert timed[DATA] == ord("a")
    timed[IER] = 0
    timed.uart.receive(b"b")
    assert not timed[LSR] & 1


def test_interrupt_that_is_disabled_again_brings_no_input(timed: Port) -> None:
    timed[IER] = RDI
    timed[IER] = 0
    timed.uart.receive(b"a")
    timed.advance(1_000_000)
    assert not timed[LSR] & 1


@pytest.mark.parametrize("saved", [True, False], ids=["loaded", "reverted"])
def test_input_that_is_about_to_arrive_arrives_after_a_return_to_then(timed: Port, saved: bool) -> None:
    timed[IER] = RDI
    timed.uart.receive(b"a")
    revert = partial(timed.uart.load, timed.uart.save()) if saved else timed.uart.capture()
    timed[IER] = 0
    timed.uart.reset()
    timed.clock.clear()
    revert()
    assert not timed.line.level
    timed.advance(1_000_000)
    assert timed.line.level


def test_port_that_is_gone_waits_for_nothing(timed: Port) -> None:
    timed[IER] = RDI
    timed.uart.destroy()
    assert timed.clock.next_event() is None


def test_full_fifo_keeps_what_it_has(port: Port) -> None:
    port[FCR], port[MCR] = FIFO_ENABLE, LOOPBACK
    for byte in range(18):
        port[DATA] = byte
    assert port[LSR] & OVERRUN
    assert [port[DATA] for _ in range(17)] == [*range(16), 0]


def test_without_fifo_a_new_character_destroys_the_one_before(port: Port) -> None:
    port[MCR], port[IER] = LOOPBACK, RLSI
    port[DATA] = 1
    assert not port.line.level
    port[DATA] = 2
    assert port.cause() == LINE_STATUS
    assert port[LSR] & (OVERRUN | 1) == OVERRUN | 1
    assert port[DATA] == 2
    assert not port[LSR] & 1


def test_queue_of_the_host_is_counted(receiver: Port) -> None:
    receiver.uart.receive(bytes(100))
    assert receiver.uart.queued == 100 - 16
    for _ in range(100):
        receiver[DATA]
    assert receiver.uart.queued == 0


def test_clearing_the_receiver_drops_what_the_fifo_holds(receiver: Port) -> None:
    receiver.uart.receive(bytes(16))
    receiver[FCR] = FIFO_ENABLE | TRIGGER_8 | CLEAR_RECEIVER
    assert not receiver[LSR] & 1
    assert not receiver.line.level


def test_switching_the_fifo_clears_it(receiver: Port) -> None:
    receiver.uart.receive(b"ab")
    receiver[FCR] = 0
    assert not receiver[LSR] & 1


@pytest.mark.parametrize(("selected", "level"), [*enumerate((1, 4, 8, 14))])
def test_trigger_level_is_the_one_that_is_selected(receiver: Port, selected: int, level: int) -> None:
    receiver[FCR] = FIFO_ENABLE | CLEAR_RECEIVER | selected << 6
    receiver.uart.receive(b"x" * (level - 1))
    assert receiver.cause() == (TIMEOUT if level > 1 else NONE)
    receiver.uart.receive(b"x")
    assert receiver.cause() == RECEIVED


def test_receiver_interrupts_as_timeout_below_the_trigger_level_and_as_data_above(receiver: Port) -> None:
    receiver.uart.receive(bytes(7))
    assert receiver.cause() == TIMEOUT
    receiver.uart.receive(bytes(1))
    assert receiver.cause() == RECEIVED
    receiver[DATA]
    assert receiver.cause() == TIMEOUT
    for _ in range(7):
        assert receiver.line.level
        receiver[DATA]
    assert receiver.cause() == NONE
    assert not receiver.line.level


def test_without_fifo_a_byte_is_received_data(port: Port) -> None:
    port[MCR], port[IER] = RTS | OUT2, RDI
    port.uart.receive(b"x")
    assert port[IIR] == RECEIVED


def test_receiver_interrupts_only_if_enabled(receiver: Port) -> None:
    receiver[IER] = 0
    receiver.uart.receive(b"x")
    assert not receiver.line.level
    receiver[IER] = RDI
    assert receiver.line.level


def test_enabling_the_transmitter_interrupt_raises_it_at_once(port: Port) -> None:
    port[IER] = THRI
    assert port.line.level
    assert port.cause() == TRANSMITTER


def test_reading_its_identification_clears_the_transmitter_interrupt(port: Port) -> None:
    port[IER] = THRI
    port[IIR]
    assert not port.line.level
    assert port.cause() == NONE


def test_transmitter_interrupts_again_after_each_write_and_each_enabling(port: Port) -> None:
    port[IER] = THRI
    port[IIR]
    port[DATA] = 0x41
    assert port.line.level
    port[IIR]
    port[IER] = THRI
    assert not port.line.level
    port[IER] = 0
    port[IER] = THRI
    assert port.line.level


def test_causes_are_told_by_priority(port: Port) -> None:
    port[FCR] = FIFO_ENABLE
    port[MCR] = LOOPBACK
    port[MSR]
    port[IER] = RDI | THRI | RLSI | MSI
    for byte in range(17):
        port[DATA] = byte
    port[MCR] = LOOPBACK | RTS
    assert port.cause() == LINE_STATUS
    assert port[LSR] & 0x02
    assert not port[LSR] & 0x02
    assert port.cause() == RECEIVED
    port[FCR] = FIFO_ENABLE | CLEAR_RECEIVER
    assert port.cause() == TRANSMITTER
    assert port.cause() == MODEM
    port[MSR]
    assert port.cause() == NONE
    assert not port.line.level


def test_loopback_ties_modem_outputs_to_inputs(port: Port) -> None:
    # What Linux' 8250 driver tests: OUT2 and RTS appear as DCD and CTS.
    port[MCR] = LOOPBACK | 0x0A
    assert port[MSR] & 0xF0 == 0x90
    port[MCR] = LOOPBACK | 0x05
    assert port[MSR] & 0xF0 == 0x60
    port[MCR] = 0
    assert port[MSR] & 0xF0 == 0xB0


def test_loopback_returns_data_and_sends_nothing(port: Port) -> None:
    port[MCR] = LOOPBACK
    port[DATA] = 0x5A
    assert port[DATA] == 0x5A
    assert port.sent == b""


def test_input_waits_while_looped_back(port: Port) -> None:
    port[MCR] = LOOPBACK | RTS
    port.uart.receive(b"x")
    assert not port[LSR] & 1
    port[MCR] = RTS | OUT2
    assert port[DATA] == ord("x")


def test_modem_status_tells_changes_once(port: Port) -> None:
    port[MCR] = LOOPBACK | 0x04
    assert port[MSR] == 0x40 | 0x01 | 0x02 | 0x08
    assert port[MSR] == 0x40
    port[MCR] = LOOPBACK
    assert port[MSR] == 0x04


@pytest.mark.parametrize("fifo_control", [0, FIFO_ENABLE])
def test_break_is_told_with_its_character(port: Port, fifo_control: int) -> None:
    port[FCR], port[MCR], port[IER] = fifo_control, RTS | OUT2, RDI | RLSI
    port.uart.receive(b"a")
    port.uart.receive_break()
    port.uart.receive(b"b")
    assert not port[LSR] & BREAK
    assert port[DATA] == ord("a")
    assert port.cause() == LINE_STATUS
    assert port[LSR] & (BREAK | 1) == BREAK | 1
    # Told once, although the character is still there.
    assert not port[LSR] & BREAK
    assert port.cause() in (RECEIVED, TIMEOUT)
    assert [port[DATA], port[DATA]] == [0, ord("b")]
    assert not port[LSR] & 1


def test_break_behind_other_characters_is_an_error_in_the_fifo(receiver: Port) -> None:
    receiver.uart.receive(b"a")
    receiver.uart.receive_break()
    assert receiver[LSR] & ERROR_IN_FIFO
    # Reading clears it only when no error follows.
    assert receiver[LSR] & ERROR_IN_FIFO
    receiver[DATA]
    assert receiver[LSR] & (BREAK | ERROR_IN_FIFO) == BREAK | ERROR_IN_FIFO
    assert not receiver[LSR] & (BREAK | ERROR_IN_FIFO)


def test_break_interrupts_only_if_line_status_is_enabled(receiver: Port) -> None:
    receiver[IER] = 0
    receiver.uart.receive_break()
    assert not receiver.line.level
    receiver[IER] = RLSI
    assert receiver.line.level
    receiver[LSR]
    assert not receiver.line.level


def test_cleared_fifo_holds_no_error(receiver: Port) -> None:
    receiver.uart.receive(b"a")
    receiver.uart.receive_break()
    receiver[FCR] = FIFO_ENABLE | CLEAR_RECEIVER
    assert receiver[LSR] == 0x60


@pytest.mark.parametrize("read", [0, 1])
def test_saved_break_is_told_after_loading(receiver: Port, read: int) -> None:
    receiver.uart.receive(b"x")
    receiver.uart.receive_break()
    for _ in range(read):
        receiver[DATA]
    other = Port()
    other.uart.load(json.loads(json.dumps(receiver.uart.save())))
    for _ in range(read, 1):
        other[DATA]
    assert other[LSR] & BREAK


def test_reset_keeps_input_that_was_not_received(receiver: Port) -> None:
    receiver.uart.receive(bytes(16) + b"later")
    receiver.uart.reset()
    assert not receiver.line.level
    assert receiver[LSR] == 0x60
    receiver[FCR], receiver[MCR] = FIFO_ENABLE, RTS | OUT2
    assert bytes(receiver[DATA] for _ in range(5)) == b"later"


def test_saved_state_restores_fifo_input_and_interrupt(receiver: Port) -> None:
    data = bytes(range(40))
    receiver.uart.receive(data)
    receiver[SCR] = 7
    state = json.loads(json.dumps(receiver.uart.save()))
    other = Port()
    other.uart.load(state)
    assert other.line.level
    assert other[SCR] == 7
    assert bytes(other[DATA] for _ in range(40)) == data


def test_saved_state_restores_the_transmitter_interrupt(port: Port) -> None:
    port[IER] = THRI
    other = Port()
    other.uart.load(port.uart.save())
    assert other.cause() == TRANSMITTER


@pytest.mark.parametrize(
    "change",
    [{"fifo": [0] * 17}, {"fifo": [257]}, {"input": "text"}, {"input": [-1]}, {"empty_unreported": []}],
)
def test_malformed_state_is_refused(port: Port, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="ns16550"):
        port.uart.load(port.uart.save() | change)


@pytest.mark.parametrize(("offset", "size"), [(0, 2), (0, 4), (4, 4), (8, 1), (0xFF, 1)])
def test_only_single_bytes_are_defined(port: Port, offset: int, size: int) -> None:
    port.uart.write(offset, size, 0x41)
    assert port.uart.read(offset, size) == 0
    assert port.uart.guest_errors.count == 2
    assert port.sent == b""


ACCESSES = st.tuples(
    st.booleans(),
    st.one_of(st.integers(0, 7), st.integers(0, 0xFF)),
    st.sampled_from([1, 1, 1, 2, 4, 8]),
    st.integers(0, (1 << 64) - 1),
)


@given(st.lists(ACCESSES, max_size=60), st.binary(max_size=40))
def test_no_sequence_of_accesses_raises_and_the_line_agrees_with_iir(
    accesses: list[tuple[bool, int, int, int]], data: bytes
) -> None:
    port = Port()
    port.uart.receive(data[:20])
    port.uart.receive_break()
    port.uart.receive(data[20:])
    for is_write, offset, size, value in accesses:
        if is_write:
            port.uart.write(offset, size, value)
        else:
            assert 0 <= port.uart.read(offset, size) <= 0xFF
        level = port.line.level
        assert level == (port.cause() != NONE)
    other = Port()
    other.uart.load(port.uart.save())
    assert other.line.level == port.line.level

# SPDX-License-Identifier: GPL-2.0-or-later
"""The UART 16550 with its FIFOs.

Source: National Semiconductor PC16550D data sheet (1995), section 8 "Registers". Characters take no
guest time: the transmitter is always empty, and input that is there has arrived as a whole, so the
character timeout is due as soon as the FIFO holds less than its trigger level. A break is a character 0
with LSR[BREAK], without a framing error, as QEMU has it. Parity and framing errors do not occur.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from paradrive.devices.device import State, saved_integer, saved_integers
from paradrive.devices.interrupt import Interrupt
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, WO, Fields, Register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paradrive.cpu.clock import Clock, Event
    from paradrive.devices.device import RegionKey
    from paradrive.devices.interrupt import InterruptLine
    from paradrive.devices.services import Services

FIFO_DEPTH = 16
#: More than Linux' driver reads LSR while it sets the port up, or its early console while it waits to send.
POLLS = 16
#: In nanoseconds of guest time: about a character at 115,200 bauds, and more than a driver takes to finish.
SETTLING_TIME = 100_000
#: A century of guest time.
LATEST = 1 << 62
#: What stands for a break among characters received.
BREAK_CHARACTER = 0x100


class InterruptEnable(Fields):
    """Bits of IER."""

    RECEIVED_DATA = 0x01
    TRANSMITTER_EMPTY = 0x02
    LINE_STATUS = 0x04
    MODEM_STATUS = 0x08


class InterruptIdentification(Fields):
    """Values of IIR by rising priority, and its bits that tell of the FIFOs."""

    NONE = 0x01
    MODEM_STATUS = 0x00
    TRANSMITTER_EMPTY = 0x02
    RECEIVED_DATA = 0x04
    CHARACTER_TIMEOUT = 0x0C
    LINE_STATUS = 0x06
    FIFOS_ENABLED = 0xC0


class FifoControl(Fields):
    """Bits of FCR."""

    ENABLE = 0x01
    CLEAR_RECEIVER = 0x02
    CLEAR_TRANSMITTER = 0x04
    TRIGGER = 0xC0


#: Fill levels that FCR[TRIGGER] selects, in bytes.
TRIGGER_LEVELS = (1, 4, 8, 14)


class LineControl(Fields):
    """Bits of LCR."""

    WORD_LENGTH = 0x03
    STOP_BITS = 0x04
    PARITY = 0x38
    BREAK = 0x40
    DIVISOR_LATCH_ACCESS = 0x80


class ModemControl(Fields):
    """Bits of MCR."""

    DTR = 0x01
    RTS = 0x02
    OUT1 = 0x04
    OUT2 = 0x08
    LOOPBACK = 0x10


class LineStatus(Fields):
    """Bits of LSR."""

    DATA_READY = 0x01
    OVERRUN = 0x02
    PARITY_ERROR = 0x04
    FRAMING_ERROR = 0x08
    BREAK = 0x10
    THR_EMPTY = 0x20
    TRANSMITTER_EMPTY = 0x40
    ERROR_IN_FIFO = 0x80


class ModemStatus(Fields):
    """Bits of MSR."""

    CHANGED_CTS = 0x01
    CHANGED_DSR = 0x02
    ENDED_RI = 0x04
    CHANGED_DCD = 0x08
    CTS = 0x10
    DSR = 0x20
    RI = 0x40
    DCD = 0x80


CHANGES = 0x0F
# The other end of the line is there and ready.
CONNECTED = ModemStatus.CTS | ModemStatus.DSR | ModemStatus.DCD
# What interrupts the guest, until it reads LSR.
ERRORS = LineStatus.OVERRUN | LineStatus.BREAK
TRANSMITTER_IDLE = LineStatus.THR_EMPTY | LineStatus.TRANSMITTER_EMPTY
LOOPED_BACK = (
    (ModemControl.RTS, ModemStatus.CTS),
    (ModemControl.DTR, ModemStatus.DSR),
    (ModemControl.OUT1, ModemStatus.RI),
    (ModemControl.OUT2, ModemStatus.DCD),
)


class Ns16550(RegisterDevice):
    """One UART; registers are bytes at consecutive offsets.

    ``interrupt`` is its line, ``transmit`` is called with each byte sent. The receiver works whatever MCR
    says, unless looped back; but whoever types waits, in a queue of the host, until the receiver has room and
    somebody listens: Linux' driver clears the receiver several times while it sets the port up. A guest
    listens that

    - has asserted both RTS and OUT2, as a driver does last of all;
    - has read LSR `POLLS` times and neither sent nor programmed anything in between;
    - has had the received data interrupt enabled for `SETTLING_TIME`; at once, without a ``clock``.
    """

    compatible = ("ns16550", "ns16550a")

    interrupt = Interrupt()
    RBR = Register(0, RO, "Receiver buffer; reading takes the oldest byte received.", width=1)
    THR = Register(0, WO, "Transmitter holding register.", width=1)
    # The data sheet leaves the divisor after a reset open; this one is QEMU's, and kernels look at it.
    DLL = Register(0, RW, "Divisor latch, low byte; while LCR[DLAB].", width=1, banked=True, reset=0x0C)
    IER = Register(1, RW, "Interrupt enable.", width=1, fields=InterruptEnable)
    DLM = Register(1, RW, "Divisor latch, high byte; while LCR[DLAB].", width=1, banked=True)
    IIR = Register(2, RO, "Interrupt identification.", width=1, fields=InterruptIdentification)
    FCR = Register(2, WO, "FIFO control.", width=1, fields=FifoControl)
    LCR = Register(3, RW, "Line control; only DLAB has an effect.", width=1, fields=LineControl)
    MCR = Register(4, RW, "Modem control.", width=1, fields=ModemControl)
    LSR = Register(5, RO, "Line status; reading clears errors.", width=1, reset=0x60, fields=LineStatus)
    MSR = Register(6, RO, "Modem status; reading clears changes.", width=1, reset=0xB0, fields=ModemStatus)
    SCR = Register(7, RW, "Scratch.", width=1)

    def __init__(
        self,
        interrupt: InterruptLine | None = None,
        transmit: Callable[[int], None] = lambda byte: None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(interrupt)
        #: Called with each byte sent; who listens later on may take the place of the first.
        self.transmit = transmit
        self._input: deque[int] = deque()
        self._fifo: deque[int] = deque()
        # The transmitter's emptiness has not been reported yet: set when it becomes empty or its interrupt is
        # enabled, cleared when IIR has told of it (data sheet, 8.4).
        self._empty_unreported = False
        self._clock = clock
        # How often LSR has been read since anything else; whether the guest listens because of that, or of
        # its interrupt; when it will (0: not), and the event of that.
        self._polls = 0
        self._is_awaited = False
        self._awaited_at = 0
        self._settling: Event | None = None

    def attach(self, services: Services) -> None:
        """Follow the machine's clock."""
        super().attach(services)
        self._clock = services.clock

    @property
    def queued(self) -> int:
        """How many bytes of input wait in the queue of the host; whoever feeds it has to bound it."""
        return len(self._input)

    def receive(self, data: bytes) -> None:
        """Queue input for the guest."""
        self._input += data
        self._refill()

    def receive_break(self) -> None:
        """Let the guest receive a break after the input that is queued."""
        self._input.append(BREAK_CHARACTER)
        self._refill()

    def register_name(self, offset: int, is_write: bool, region: RegionKey = 0) -> str:
        """Return the declared name, minding the divisor latch."""
        if offset < 2 and self.LCR & LineControl.DIVISOR_LATCH_ACCESS:
            return ("DLL", "DLM")[offset]
        return super().register_name(offset, is_write, region)

    def reset(self) -> None:
        """Return to the power-on state; input that the guest has not received yet stays queued."""
        super().reset()
        self._fifo.clear()
        self._empty_unreported = False
        self._polls, self._is_awaited = 0, False
        self._settle_at(0)
        self._update_interrupt()

    def destroy(self) -> None:
        """Cancel the event."""
        self._settle_at(0)

    def save(self) -> State:
        """Return the registers, the receiver's FIFO and the queued input."""
        return super().save() | {
            "fifo": list(self._fifo),
            "input": list(self._input),
            "empty_unreported": int(self._empty_unreported),
            "polls": self._polls,
            "awaited": int(self._is_awaited),
            "awaited_at": self._awaited_at,
        }

    def capture(self) -> Callable[[], None]:
        """Return what brings registers, FIFO and queued input back."""
        revert_registers = super().capture()
        fifo, queued, empty_unreported = tuple(self._fifo), tuple(self._input), self._empty_unreported
        polls, is_awaited, awaited_at = self._polls, self._is_awaited, self._awaited_at

        def revert() -> None:
            revert_registers()
            self._fifo, self._input = deque(fifo), deque(queued)
            self._empty_unreported = empty_unreported
            self._polls, self._is_awaited = polls, is_awaited
            self._settle_at(awaited_at)
            self._update_interrupt()

        return revert

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; queued input is replaced by the input that was queued then."""
        super().load(state)
        fifo = saved_integers(self, state, "fifo", BREAK_CHARACTER + 1)
        if len(fifo) > FIFO_DEPTH:
            raise ValueError(f"{self.name}: saved state: fifo holds more than {FIFO_DEPTH} bytes")
        self._fifo = deque(fifo)
        self._input = deque(saved_integers(self, state, "input", BREAK_CHARACTER + 1))
        self._empty_unreported = bool(saved_integer(self, state, "empty_unreported", 0, 2))
        self._polls = saved_integer(self, state, "polls", 0, POLLS + 1)
        self._is_awaited = bool(saved_integer(self, state, "awaited", 0, 2))
        self._settle_at(saved_integer(self, state, "awaited_at", 0, LATEST))
        self._update_interrupt()

    @RBR.on_read
    def _read_rbr(self) -> int:
        if self.LCR & LineControl.DIVISOR_LATCH_ACCESS:
            return self.DLL
        if not self._fifo:
            return 0
        value = self._fifo.popleft()
        if not self._fifo:
            self.LSR &= ~LineStatus.DATA_READY
        self._refill()
        return value & 0xFF

    @THR.on_write
    def _write_thr(self, value: int) -> None:
        if self.LCR & LineControl.DIVISOR_LATCH_ACCESS:
            self.DLL = value
            return
        if self.MCR & ModemControl.LOOPBACK:
            self._loop_back(value)
        else:
            self.transmit(value)
        self._empty_unreported = True
        self._polls = 0
        self._update_interrupt()

    @IER.on_read
    def _read_ier(self) -> int:
        return self.DLM if self.LCR & LineControl.DIVISOR_LATCH_ACCESS else self.IER

    @IER.on_write
    def _write_ier(self, value: int) -> None:
        if self.LCR & LineControl.DIVISOR_LATCH_ACCESS:
            self.DLM = value
            return
        if value & ~self.IER & InterruptEnable.TRANSMITTER_EMPTY:
            self._empty_unreported = True
        old, self.IER = self.IER, value & 0x0F
        if (old ^ value) & InterruptEnable.RECEIVED_DATA:
            self._reception_changed()
        self._polls = 0
        self._update_interrupt()

    @IIR.on_read
    def _read_iir(self) -> int:
        cause = self._cause()
        if cause == InterruptIdentification.TRANSMITTER_EMPTY:
            self._empty_unreported = False
            self._update_interrupt()
        return cause | (InterruptIdentification.FIFOS_ENABLED if self.FCR & FifoControl.ENABLE else 0)

    @FCR.on_write
    def _write_fcr(self, value: int) -> None:
        if value & FifoControl.CLEAR_RECEIVER or (value ^ self.FCR) & FifoControl.ENABLE:
            self._fifo.clear()
            self.LSR &= ~(LineStatus.DATA_READY | LineStatus.ERROR_IN_FIFO)
        self._polls = 0
        # With ENABLE clear the other bits are not programmed (data sheet, 8.5).
        self.FCR = value & (FifoControl.ENABLE | FifoControl.TRIGGER) if value & FifoControl.ENABLE else 0
        self._refill()

    @MCR.on_write
    def _write_mcr(self, value: int) -> None:
        self.MCR = value & 0x1F
        self._polls = 0
        if value & ModemControl.LOOPBACK:
            lines = sum(status for control, status in LOOPED_BACK if value & control)
        else:
            lines = CONNECTED
        old = self.MSR
        changed = (old ^ lines) >> 4 & ~ModemStatus.ENDED_RI
        ended_ri = (old & ~lines & ModemStatus.RI) >> 4
        self.MSR = lines | old & CHANGES | changed | ended_ri
        self._refill()

    @LSR.on_read
    def _read_lsr(self) -> int:
        if not self._is_awaited:
            self._polls += 1
            if self._polls >= POLLS:
                self._await()
        value = self.LSR
        if value & (ERRORS | LineStatus.ERROR_IN_FIFO):
            self.LSR = value & ~(ERRORS | LineStatus.ERROR_IN_FIFO)
            if self.FCR & FifoControl.ENABLE and BREAK_CHARACTER in self._fifo:
                self.LSR |= LineStatus.ERROR_IN_FIFO
            self._update_interrupt()
        return value

    @MSR.on_read
    def _read_msr(self) -> int:
        value = self.MSR
        if value & CHANGES:
            self.MSR = value & ~CHANGES
            self._update_interrupt()
        return value

    def _depth(self) -> int:
        return FIFO_DEPTH if self.FCR & FifoControl.ENABLE else 1

    def _loop_back(self, value: int) -> None:
        """Receive what was sent; where there is no room, as the data sheet says (8.2).

        A full FIFO keeps what it has. Without it, the new character destroys the one that was not read.
        """
        if len(self._fifo) < self._depth():
            self._fifo.append(value)
            self.LSR |= LineStatus.DATA_READY
            return
        self.LSR |= LineStatus.OVERRUN
        if not self.FCR & FifoControl.ENABLE:
            self._fifo[0] = value

    def _listens(self) -> bool:
        """Tell whether the guest wants input: see the class."""
        if self.MCR & ModemControl.LOOPBACK:
            return False
        wanted = ModemControl.RTS | ModemControl.OUT2
        return self._is_awaited or self.MCR & wanted == wanted

    def _await(self) -> None:
        """Give the guest input from now on: it waits for it."""
        self._awaited_at = 0
        self._is_awaited = True
        self._refill()

    def _reception_changed(self) -> None:
        """Follow the received data interrupt, which has been enabled or disabled."""
        if not self.IER & InterruptEnable.RECEIVED_DATA:
            self._is_awaited = False
            self._settle_at(0)
        elif self._clock is None:
            self._await()
        else:
            self._settle_at(self._clock.now() + SETTLING_TIME)

    def _settle_at(self, when: int) -> None:
        """Have the guest listen at a guest time, in nanoseconds; 0 forgets that it was to."""
        if self._settling is not None:
            self._settling.cancel()
        self._awaited_at = when if self._clock is not None else 0
        self._settling = self._clock.at(when, self._await) if self._clock is not None and when else None

    def _refill(self) -> None:
        """Move queued input to the FIFO as far as the guest takes any and the FIFO has room."""
        if self._input and self._listens():
            room = self._depth() - len(self._fifo)
            for _ in range(min(room, len(self._input))):
                self._fifo.append(self._input.popleft())
            self.LSR |= LineStatus.DATA_READY
            if self.FCR & FifoControl.ENABLE and BREAK_CHARACTER in self._fifo:
                self.LSR |= LineStatus.ERROR_IN_FIFO
        self._reveal_break()
        self._update_interrupt()

    def _reveal_break(self) -> None:
        """Tell of a break when its character is the next to be read (data sheet, 8.2)."""
        if self._fifo and self._fifo[0] == BREAK_CHARACTER:
            self._fifo[0] = 0
            self.LSR |= LineStatus.BREAK

    def _cause(self) -> int:
        """Return the enabled cause of highest priority, as IIR tells it (data sheet, table IV)."""
        enabled = self.IER
        if enabled & InterruptEnable.LINE_STATUS and self.LSR & ERRORS:
            return InterruptIdentification.LINE_STATUS
        if enabled & InterruptEnable.RECEIVED_DATA and self._fifo:
            fifo_control = self.FCR
            below_trigger = len(self._fifo) < TRIGGER_LEVELS[fifo_control >> 6]
            if fifo_control & FifoControl.ENABLE and below_trigger:
                return InterruptIdentification.CHARACTER_TIMEOUT
            return InterruptIdentification.RECEIVED_DATA
        if enabled & InterruptEnable.TRANSMITTER_EMPTY and self._empty_unreported:
            return InterruptIdentification.TRANSMITTER_EMPTY
        if enabled & InterruptEnable.MODEM_STATUS and self.MSR & CHANGES:
            return InterruptIdentification.MODEM_STATUS
        return InterruptIdentification.NONE

    def _update_interrupt(self) -> None:
        self.interrupt.set(self.IER != 0 and self._cause() != InterruptIdentification.NONE)

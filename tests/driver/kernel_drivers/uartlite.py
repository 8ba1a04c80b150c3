# SPDX-License-Identifier: GPL-2.0-or-later
"""Xilinx's UART: FIFOs, and an interrupt that is an edge (drivers/tty/serial/uartlite.c)."""

from paradrive.devices import RO, WO, Fields, Fifo, Interrupt, Register, RegisterDevice, State


class Status(Fields):
    """Bits of STATUS."""

    RX_VALID = 1 << 0
    TX_EMPTY = 1 << 2
    INTERRUPTS = 1 << 4


class Control(Fields):
    """Bits of CONTROL."""

    RESET_TX = 1 << 0
    RESET_RX = 1 << 1
    INTERRUPTS = 1 << 4


class Uartlite(RegisterDevice):
    """Sends at once; what it has sent is in ``sent``."""

    compatible = ("xlnx,xps-uartlite-1.00.a",)
    irq = Interrupt()
    sent = State(bytearray)
    RX = Fifo(0x0, RO, "What has been received.", depth=16)
    TX = Register(0x4, WO, "Sends a byte.")
    STATUS = Register(0x8, RO, "How it is.", reset=Status.TX_EMPTY, fields=Status)
    CONTROL = Register(0xC, WO, "What to do.", fields=Control)
    NOTHING = Register(0xC, RO, "Reads as 0: the driver does it.")

    @STATUS.on_read
    def _status(self) -> int:
        return Status.TX_EMPTY | (Status.RX_VALID if self.RX else 0) | self.CONTROL & Status.INTERRUPTS

    @CONTROL.after_write
    def _control(self, value: int) -> None:
        if value & Control.RESET_RX:
            self.RX.clear()

    @TX.after_write
    def _send(self, byte: int) -> None:
        self.sent.append(byte & 0xFF)
        self._interrupt()  # the FIFO is empty again

    def receive(self, data: bytes) -> None:
        """Receive what somebody else has sent."""
        self.RX.extend(data)
        self._interrupt()

    def _interrupt(self) -> None:
        if self.CONTROL & Control.INTERRUPTS:
            self.irq.pulse()

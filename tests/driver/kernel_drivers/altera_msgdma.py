# SPDX-License-Identifier: GPL-2.0-or-later
"""Altera's mSGDMA: three regions, by name (drivers/dma/altera-msgdma.c)."""

from struct import unpack

from paradrive.devices import RO, RW, W1C, Fields, Fifo, Interrupt, Register, RegisterDevice, Window


class Status(Fields):
    """Bits of STATUS."""

    IRQ = 1 << 9


class Control(Fields):
    """Bits of CONTROL."""

    INTERRUPTS = 1 << 4


class Msgdma(RegisterDevice):
    """Copies as soon as a descriptor is complete."""

    compatible = ("altr,socfpga-msgdma",)
    byte_order = "little"
    irq = Interrupt()
    STATUS = Register(0x00, W1C, "What has happened.", region="csr", writable=Status.IRQ, fields=Status)
    CONTROL = Register(0x04, RW, "What is enabled.", region="csr", fields=Control)
    RESPONSES = Register(0x0C, RO, "How many responses there are.", region="csr")
    DESCRIPTOR = Window(0x00, 28, RW, "What to copy, as the CPU has it.", region="desc")
    GO = Register(0x1C, RW, "Ends a descriptor.", region="desc")
    BYTES = Register(0x00, RO, "How many bytes were copied.", region="resp")
    RESPONSE = Fifo(0x04, RO, "How it went; a read takes the response.", region="resp", depth=1024)

    @irq.level
    def _irq(self) -> bool:
        return bool(self.STATUS and self.CONTROL & Control.INTERRUPTS)

    @RESPONSES.on_read
    def _responses(self) -> int:
        return len(self.RESPONSE)

    @GO.after_write
    def _go(self, control: int) -> None:
        source, target, size, _, _, source_high, target_high = unpack(">7I", self.DESCRIPTOR)
        self.memory.write(target_high << 32 | target, self.memory.read(source_high << 32 | source, size))
        self.RESPONSE.append(0)
        self.STATUS |= Status.IRQ

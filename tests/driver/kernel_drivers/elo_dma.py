# SPDX-License-Identifier: GPL-2.0-or-later
"""The chip's DMA controller: descriptors in memory, 64-bit registers in halves (drivers/dma/fsldma.c)."""

from struct import unpack

from paradrive.devices import RO, RW, W1C, Fields, Interrupt, Register, RegisterDevice, Timer

#: Of a descriptor's addresses: what lies above are attributes.
ADDRESS = (1 << 36) - 1
END = 1


class Mode(Fields):
    """Bits of MR."""

    START = 1 << 0
    ERROR_INTERRUPT = 1 << 6
    LIST_INTERRUPT = 1 << 8


class Status(Fields):
    """Bits of SR."""

    BUSY = 1 << 2
    LIST_DONE = 1 << 3
    ERROR = 1 << 7


class EloDma(RegisterDevice):
    """What the channels have in common."""

    compatible = ("fsl,eloplus-dma",)
    DGSR = Register(0x0, RO, "The status of all channels.")


class EloChannel(RegisterDevice):
    """A channel; slow enough for requests to queue up behind one another."""

    compatible = ("fsl,eloplus-dma-channel",)
    irq = Interrupt()
    copied = Timer()
    MR = Register(0x00, RW, "What to do.", fields=Mode)
    SR = Register(0x04, W1C, "What has happened.", writable=0xFF & ~Status.BUSY, fields=Status)
    CDAR = Register(0x08, RW, "The current descriptor.", width=8, widths=(4,))

    @irq.level
    def _irq(self) -> bool:
        failed = self.SR & Status.ERROR and self.MR & Mode.ERROR_INTERRUPT
        return bool(failed or self.SR & Status.LIST_DONE)

    @MR.on_write
    def _command(self, mode: int) -> None:
        starts = mode & ~self.MR & Mode.START
        self.MR = mode
        if starts:
            self.SR |= Status.BUSY
            self._copy()

    def _copy(self) -> None:
        source, target, _, size = unpack(">QQQI4x", self.memory.read(self.CDAR & ~0x1F, 32))
        if not size or not self.memory.write(target & ADDRESS, self.memory.read(source & ADDRESS, size)):
            self.SR |= Status.ERROR
        self.copied.after(100 * size)

    @copied.expires
    def _next(self) -> None:
        following = self.memory.read_number((self.CDAR & ~0x1F) + 16, 8)
        if not following & END and not self.SR & Status.ERROR:
            self.CDAR = following
            self._copy()
            return
        self.SR &= ~Status.BUSY
        if self.MR & Mode.LIST_INTERRUPT:
            self.SR |= Status.LIST_DONE

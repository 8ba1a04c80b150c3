# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a doorbell: the host rings, the guest's driver answers."""

from paradrive.devices import W1C, Interrupt, Register, RegisterDevice


class Doorbell(RegisterDevice):
    """The device "acme,doorbell"; its interrupt is raised until the driver has answered."""

    compatible = ("acme,doorbell",)
    irq = Interrupt()
    RUNG = Register(0x00, W1C, "Bit 0: somebody is at the door; writing 1 answers.")

    @irq.level
    def _unanswered(self) -> int:
        return self.RUNG

    def ring(self) -> None:
        """Ring, as the host does."""
        self.RUNG = 1

# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of a doorbell: the host rings, the guest's driver answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import W1C, Register

if TYPE_CHECKING:
    from collections.abc import Mapping


class Doorbell(RegisterDevice):
    """The device "acme,doorbell"; its interrupt is raised until the driver has answered."""

    compatible = ("acme,doorbell",)

    RUNG = Register(0x00, W1C, "Bit 0: somebody is at the door; writing 1 answers.")

    def ring(self) -> None:
        """Ring, as the host does."""
        self.RUNG = 1
        self._update_interrupt()

    def reset(self) -> None:
        """Return to the power-on state."""
        super().reset()
        self._update_interrupt()

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state."""
        super().load(state)
        self._update_interrupt()

    @RUNG.on_write
    def _answer(self, value: int) -> None:
        self.RUNG &= ~value
        self._update_interrupt()

    def _update_interrupt(self) -> None:
        self.interrupt.set(self.RUNG != 0)

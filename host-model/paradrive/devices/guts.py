# SPDX-License-Identifier: GPL-2.0-or-later
"""Global utilities of the MPC8544: identification of core and chip, and the reset request.

Source: MPC8544E Reference Manual, chapter "Global Utilities"; as in QEMU's mpc8544_guts, the rest of the
block (clocks, pin multiplexing) does not exist, and touching it is a guest error.
"""

from __future__ import annotations

from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, Fields, Register


class ResetControl(Fields):
    """Bits of RSTCR."""

    HRESET_REQ = 0x2


class Guts(RegisterDevice):
    """The global utilities block.

    ``processor_version`` and ``system_version`` are what the guest reads in PVR and SVR.
    """

    compatible = ("fsl,mpc8544-guts",)

    PVR = Register(0xA0, RO, "Processor version, as the core's SPR 287.", constant=True)
    SVR = Register(0xA4, RO, "System version, as the core's SPR 1023.", constant=True)
    RSTCR = Register(0xB0, RW, "Reset control; reads as 0.", fields=ResetControl)

    def __init__(self, processor_version: int, system_version: int) -> None:
        super().__init__()
        self.PVR = processor_version
        self.SVR = system_version

    @RSTCR.on_write
    def _write_rstcr(self, value: int) -> None:
        if value & ResetControl.HRESET_REQ:
            self.host.reset()

# SPDX-License-Identifier: GPL-2.0-or-later
"""A button: two interrupts and no register (drivers/input/misc/e3x0-button.c)."""

from paradrive.devices import Interrupt, RegisterDevice


class Button(RegisterDevice):
    """The power button of the USRP E3x0."""

    compatible = ("ettus,e3x0-button",)
    press = Interrupt("press")
    release = Interrupt("release")

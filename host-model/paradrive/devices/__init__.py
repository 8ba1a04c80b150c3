# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices: what they are made of, and the project's own.

What the author of a device needs is here; docs/devices-of-your-own.md tells how to use it.
"""

from paradrive.devices.buffers import Fifo, Window
from paradrive.devices.detached import detached
from paradrive.devices.device import Device
from paradrive.devices.fields import Fields, bits
from paradrive.devices.interrupt import Interrupt
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RC, RO, RW, W1C, WO, Register, RegisterArray
from paradrive.devices.services import Services
from paradrive.devices.state import State
from paradrive.devices.timer import Timer

__all__ = [
    "RC",
    "RO",
    "RW",
    "W1C",
    "WO",
    "Device",
    "Fields",
    "Fifo",
    "Interrupt",
    "Register",
    "RegisterArray",
    "RegisterDevice",
    "Services",
    "State",
    "Timer",
    "Window",
    "bits",
    "detached",
]

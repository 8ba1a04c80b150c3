# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtio devices (VIRTIO 1.2) behind the transport "virtio,mmio", and what one of one's own is made of.

docs/virtio.md tells how to write and how to use them.
"""

from paradrive.devices.virtio.block import VirtioBlk
from paradrive.devices.virtio.chain import Chain
from paradrive.devices.virtio.console import VirtioConsole
from paradrive.devices.virtio.device import VirtioDevice
from paradrive.devices.virtio.mmio import ConfigField
from paradrive.devices.virtio.p9 import VirtioP9
from paradrive.devices.virtio.rng import VirtioRng

__all__ = ["Chain", "ConfigField", "VirtioBlk", "VirtioConsole", "VirtioDevice", "VirtioP9", "VirtioRng"]

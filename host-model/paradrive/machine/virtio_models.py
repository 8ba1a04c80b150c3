# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio devices that come with the product, by what nodes call them in ``paradrive,model``.

Each is imported when a machine has one: most have none, and start the sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.devices.device import Device
    from paradrive.machine.device_models import Model


def _no_device() -> Device:
    from paradrive.devices.virtio.mmio import VirtioMmio

    return VirtioMmio()


def _rng() -> Device:
    from paradrive.devices.virtio.rng import VirtioRng

    return VirtioRng()


def _blk() -> Device:
    from paradrive.devices.virtio.block import VirtioBlk

    return VirtioBlk()


def _console() -> Device:
    from paradrive.devices.virtio.console import VirtioConsole

    return VirtioConsole()


def _p9() -> Device:
    from paradrive.devices.virtio.p9 import VirtioP9

    return VirtioP9()


VIRTIO_MODELS: dict[str, Model] = {
    "virtio,mmio": _no_device,
    "virtio-rng": _rng,
    "virtio-blk": _blk,
    "virtio-console": _console,
    "virtio-9p": _p9,
}

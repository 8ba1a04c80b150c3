# SPDX-License-Identifier: GPL-2.0-or-later
"""The device models that a test's file brings with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.device import Device
from paradrive.machine.board import MODELLED
from paradrive.machine.device_models import by_compatible

if TYPE_CHECKING:
    from types import ModuleType

    from paradrive.machine.device_models import Model


def models_of_module(module: ModuleType) -> dict[str, Model]:
    """Return the device classes that a module defines or imports, by ``compatible`` string.

    Two test files may so have a class each for one string. What a board has is not replaced.
    """
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Device)
    ]
    return {name: device for name, device in by_compatible(classes).items() if name not in MODELLED}

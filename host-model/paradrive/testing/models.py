# SPDX-License-Identifier: GPL-2.0-or-later
"""The device models that a test's file brings with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from paradrive.devices.device import Device
from paradrive.machine.board import MODELLED
from paradrive.machine.device_models import by_compatible
from paradrive.machine.named_models import named_models

if TYPE_CHECKING:
    from types import ModuleType

    from paradrive.machine.device_models import Model


def as_models(
    given: Mapping[str, Model | str] | Iterable[type[Device] | str], directory: str
) -> dict[str, Model]:
    """Return the models that a test names, in a dict by what they model or in a list: classes or names.

    ``directory`` is where modules are looked for first. InputError for a name that cannot be used, TypeError
    for what is no name and no model.
    """
    models: dict[str, Model] = {}
    rows = given.items() if isinstance(given, Mapping) else ((None, model) for model in given)
    for key, model in rows:
        if isinstance(model, str):
            name = model if key is None else f"{key}={model}"
            models |= named_models([name], "models", directory)
        elif key is not None:
            models[key] = model
        elif isinstance(model, type) and issubclass(model, Device):
            models |= dict.fromkeys(model.compatible, model)
        else:
            raise TypeError(f"models: {model!r:.80} is no class of devices")
    return models


def models_of_module(module: ModuleType) -> dict[str, Model]:
    """Return the device classes that a module defines or imports, by ``compatible`` string.

    Two test files may so have a class each for one string. What a board has is not replaced.
    """
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Device)
    ]
    return {name: device for name, device in by_compatible(classes).items() if name not in MODELLED}

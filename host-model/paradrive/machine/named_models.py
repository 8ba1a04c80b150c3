# SPDX-License-Identifier: GPL-2.0-or-later
"""Device models that somebody names: a user in an option, an installed package in its entry points.

A name is ``module:Class`` or ``KEY=module:Class``. Without a key, the class models what it says itself by its
``model_names``, or by what it is ``compatible`` with; a key is any name of a node that `device_models` knows.
A package declares its devices by key, in the group ``paradrive.devices`` of its entry points:

    [project.entry-points."paradrive.devices"]
    "acme,nic" = "acme_devices.nic:Nic"

Nothing but what is named so is ever imported.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import TYPE_CHECKING

from paradrive.devices.device import Device
from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paradrive.machine.device_models import Model

ENTRY_POINTS = "paradrive.devices"
_NAME = re.compile(r"(?:(?P<key>[^=]+)=)?(?P<class>[\w.]+:[\w.]+)")


def named_models(names: Iterable[str], source: str, directory: str) -> dict[str, Model]:
    """Return the models of these names, by what they model.

    ``directory`` is where modules are looked for first, as the current one is by ``python -m``. Raises
    InputError, with ``source`` and the name, for what cannot be imported or is no device.
    """
    models: dict[str, Model] = {}
    for name in names:
        if directory not in sys.path:
            sys.path.insert(0, directory)
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f"{source} {name}", "is neither module:Class nor KEY=module:Class")
        device = device_class(match["class"], f"{source} {name}")
        keys = (device.model_names or device.compatible) if match["key"] is None else (match["key"],)
        if not keys:
            raise InputError(f"{source} {name}", "says not what it is compatible with: KEY=module:Class does")
        models |= dict.fromkeys(keys, device)
    return models


def device_class(name: str, source: str) -> type[Device]:
    """Return the class of devices ``module:Class``; InputError, with ``source``, where there is none."""
    # Imported only here, as the rest that only a model of the user's needs: each run would wait for it.
    import pkgutil

    try:
        found = pkgutil.resolve_name(name)
    except (Exception, SystemExit) as error:
        raise InputError(source, describe_error(error)) from error
    if not isinstance(found, type) or not issubclass(found, Device):
        raise InputError(source, "is no subclass of paradrive.devices.Device")
    return found


def installed_model(names: Iterable[str]) -> Model | None:
    """Return the model that an installed package has for a node of these names, None where none has.

    Raises InputError, with the entry point, for what cannot be imported or is no device.
    """
    installed = _installed()
    for name in names:
        if name in installed:
            value, package = installed[name]
            return device_class(value, f"{package}: entry point {name} = {value}")
    return None


@cache
def _installed() -> dict[str, tuple[str, str]]:
    """Return what installed packages name as their devices, with the packages; always in the same order."""
    from importlib.metadata import entry_points

    points = entry_points(group=ENTRY_POINTS)
    rows = sorted((point.name, point.value, point.dist.name if point.dist else "") for point in points)
    return {name: (value, package) for name, value, package in rows}


def describe_error(error: BaseException) -> str:
    """Return a line about an exception in what somebody else has written, with the place where it arose."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    package, library = Path(__file__).parents[1], Path(traceback.__file__).parent
    ours = ("<", str(package), str(library / "importlib"), str(library / "pkgutil.py"))
    theirs = [frame for frame in frames if not frame.filename.startswith(ours)]
    place = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return " ".join(f"{type(error).__name__}: {error}{place}".split())

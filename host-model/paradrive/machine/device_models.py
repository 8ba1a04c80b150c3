# SPDX-License-Identifier: GPL-2.0-or-later
"""What models the device of a node: a class, found by what the node is compatible with.

To define a subclass of `Device` which says what it is ``compatible`` with is all it takes. A class that needs
more of the machine than an interrupt is connected by a function: the models of a board (`board`) and of
``Configuration.models`` may be either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from paradrive.devices.device import Device

if TYPE_CHECKING:
    from paradrive.machine.devicetree import Node
    from paradrive.machine.wiring import Wiring

#: A function that connects a device: it gets the wiring and the device's node, and returns the device.
Connect = Callable[["Wiring", "Node"], Device]
Model = type[Device] | Connect


def create_device(model: Model, wiring: Wiring, node: Node) -> Device:
    """Return a new device for this node.

    The constructor of a class gets the line of the node's first interrupt, None where the tree names none,
    unless it has no parameter ``interrupt``.
    """
    return _create_instance(model, wiring, node) if isinstance(model, type) else model(wiring, node)


def _create_instance(device: type[Device], wiring: Wiring, node: Node) -> Device:
    # Imported only here: the devices of the boards do without.
    from inspect import signature

    if "interrupt" not in signature(device).parameters:
        return device()
    return device(interrupt=wiring.first_interrupt(node))


def by_compatible(classes: Iterable[type[Device]]) -> dict[str, type[Device]]:
    """Return the classes by what each says itself, not only inherits; of two that say the same, the last."""
    return {name: device for device in classes for name in vars(device).get("compatible", ())}


def find_model(node: Node, models: Mapping[str, Model], reserved: Iterable[str]) -> Model | None:
    """Return what models the node: one of ``models``, or else a class that has been defined anywhere.

    ``reserved`` are not looked for among the latter. None where there is none. Raises DeviceTreeError when
    there is more than one, of which none is in ``models``.
    """
    for name in node.compatible:
        if name in models:
            return models[name]
        found = [] if name in reserved else _classes_for(name)
        if len(found) > 1:
            modules = " and ".join(sorted(device.__module__ for device in found))
            raise node.error(f"more than one class models {name!r:.200}, in {modules}")
        if found:
            return found[0]
    return None


def _classes_for(compatible: str) -> list[type[Device]]:
    classes = Device.__subclasses__()
    for device in classes:  # which grows by what is derived from them
        classes += device.__subclasses__()
    return [device for device in classes if compatible in by_compatible([device])]

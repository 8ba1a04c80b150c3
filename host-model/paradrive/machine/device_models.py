# SPDX-License-Identifier: GPL-2.0-or-later
"""What models the device of a node: a class of devices, or what makes one.

``Configuration.models`` names models besides the board's: by the path or an alias of a node, by what the node
says in its property ``paradrive,model``, or by one of its ``compatible`` strings. So several nodes which
are compatible with the same, as all transports of virtio are, can have a model each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from paradrive.devices.device import Device

if TYPE_CHECKING:
    from paradrive.devicetree.node import DeviceTree, Node

#: What makes a new device: a class, or any function without parameters.
Model = Callable[[], Device]
#: The property of a node that names its model.
MODEL_PROPERTY = "paradrive,model"


def by_compatible(classes: Iterable[type[Device]]) -> dict[str, Model]:
    """Return the classes by what each says itself, not only inherits; of two that say the same, the last."""
    said = ("compatible", "model_names")
    return {name: device for device in classes for key in said for name in vars(device).get(key, ())}


def find_model(tree: DeviceTree, node: Node, models: Mapping[str, Model]) -> Model | None:
    """Return what models the node, None where nothing does; what is said of it alone goes first."""
    return next((models[name] for name in names_of(tree, node) if name in models), None)


def names_of(tree: DeviceTree, node: Node) -> Iterator[str]:
    """Yield the names by which a node's model can be known, what is said of it alone first."""
    yield node.path
    yield from tree.aliases_of(node)
    yield from node.strings(MODEL_PROPERTY)
    yield from node.compatible

# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes and properties as Linux reads them.

Source: Linux 6.12, drivers/of/base.c, drivers/of/property.c, drivers/of/fdt.c. Nothing here raises: a
property that is too short, or of another type, is to Linux as if it were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from paradrive.devicetree.node import DeviceTree, Node

CELL = 4
#: What a bus says of the addresses on it.
BUS_CELLS = ("#address-cells", "#size-cells")
_PHANDLE_PROPERTIES = ("phandle", "linux,phandle")


class Match(NamedTuple):
    """A line of a table of ``of_device_id``: what is not empty has to match."""

    compatible: str = ""
    device_type: str = ""
    name: str = ""


class LinuxTree:
    """A device tree after Linux has unflattened it."""

    def __init__(self, tree: DeviceTree) -> None:
        self.root = tree.root
        #: What the ``reg`` of the CPU that boots must be, as the blob's header says.
        self.boot_cpu = tree.boot_cpu
        #: The RAM which the blob's header reserves (/memreserve/), as address and size in bytes.
        self.reservations = tuple(tree.reservations)
        self._phandles: dict[int, Node] = {}
        for node in tree.root.walk():
            phandle = self._phandle(node)
            if phandle:
                # of_find_node_by_phandle() returns the first.
                self._phandles.setdefault(phandle, node)

    def _phandle(self, node: Node) -> int:
        for name, value in node.properties.items():
            if name in _PHANDLE_PROPERTIES and len(value) >= CELL:
                return int.from_bytes(value[:CELL], "big")
        return 0

    def by_phandle(self, phandle: int) -> Node | None:
        """Return the node that Linux finds by a phandle."""
        return self._phandles.get(phandle)

    def read_u32(self, node: Node, name: str, index: int = 0) -> int | None:
        """Return a cell of a property, None unless it is that long (of_property_read_u32_index)."""
        cell = node.properties.get(name, b"")[index * CELL : (index + 1) * CELL]
        return int.from_bytes(cell, "big") if len(cell) == CELL else None

    def strings(self, node: Node, name: str) -> Iterator[str]:
        """Yield the strings of a property as of_prop_next_string() does; the last may lack its NUL."""
        value = node.properties.get(name, b"")
        for string in value.removesuffix(b"\0").split(b"\0") if value else ():
            yield string.decode("latin-1")

    def is_compatible(self, node: Node, names: Iterable[str]) -> bool:
        """Tell whether the node's ``compatible`` has one of these names, whatever their case."""
        wanted = {name.lower() for name in names}
        return any(name.lower() in wanted for name in self.strings(node, "compatible"))

    def device_type(self, node: Node) -> str | None:
        """Return the node's ``device_type``, None where it has none (of_node_get_device_type)."""
        return next(self.strings(node, "device_type"), None)

    def is_type(self, node: Node, name: str) -> bool:
        """Tell whether the node has this ``device_type`` (of_node_is_type)."""
        return self.device_type(node) == name

    def matches(self, node: Node, table: Iterable[Match]) -> bool:
        """Tell whether a line of ``table`` matches the node (of_match_node)."""
        return any(self._matches(node, line) for line in table)

    def _matches(self, node: Node, line: Match) -> bool:
        if line.compatible and not self.is_compatible(node, (line.compatible,)):
            return False
        if line.device_type and not self.is_type(node, line.device_type):
            return False
        return not line.name or node_name(node) == line.name

    def is_available(self, node: Node) -> bool:
        """Tell whether the node's own ``status`` lets Linux use it (of_device_is_available)."""
        if "status" not in node.properties:
            return True
        return next(self.strings(node, "status"), None) in ("okay", "ok")

    def inherited_cells(self, node: Node | None, name: str) -> int:
        """Return ``#address-cells`` or ``#size-cells`` of a bus: of the nearest node upwards that has any.

        The Devicetree specification (2.3.5) does not inherit them; Linux does (of_bus_n_addr_cells).
        """
        while node is not None:
            cells = self.read_u32(node, name)
            if cells is not None:
                return cells
            node = node.parent
        return 1


def ancestors(node: Node) -> Iterator[Node]:
    """Yield the nodes above, the nearest first and the root last."""
    while node.parent is not None:
        node = node.parent
        yield node


def node_name(node: Node) -> str:
    """Return the name without the unit address."""
    return node.name.partition("@")[0]

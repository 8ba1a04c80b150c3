# SPDX-License-Identifier: GPL-2.0-or-later
"""The device tree: nodes and their properties.

Devicetree Specification v0.4, chapter 2. Property values are kept as bytes and read as what the
caller says they are: big-endian 32-bit cells or NUL-terminated strings. Where a tree breaks the specification
it is read as Linux 6.12 does (drivers/of/base.c, property.c, fdt.c), so that a device answers where the
kernel looks for it: a property that is too short, or of another type, is as if it were not there.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree import fdt
from paradrive.devicetree.error import DeviceTreeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CELL = 4
#: What a bus says of the addresses on it.
BUS_CELLS = ("#address-cells", "#size-cells")
_PHANDLE_PROPERTIES = ("phandle", "linux,phandle")


class Match(NamedTuple):
    """A line of a table of ``of_device_id``: what is not empty has to match."""

    compatible: str = ""
    device_type: str = ""
    name: str = ""


class Node:
    """A node of the tree."""

    def __init__(self, tree: DeviceTree, name: str, parent: Node | None) -> None:
        self.tree = tree
        self.name = name
        self.parent = parent
        self.properties: dict[str, bytes] = {}
        self.children: list[Node] = []

    @property
    def path(self) -> str:
        """The full path, "/" for the root."""
        if self.parent is None:
            return "/"
        return f"{self.parent.path.rstrip('/')}/{self.name}"

    @property
    def compatible(self) -> tuple[str, ...]:
        """What the device is compatible with, most specific first."""
        return self.strings("compatible")

    @property
    def base_name(self) -> str:
        """The name without the unit address."""
        return self.name.partition("@")[0]

    @property
    def device_type(self) -> str | None:
        """What ``device_type`` says, None where there is none (of_node_get_device_type)."""
        return next(iter(self.strings("device_type")), None)

    @property
    def is_available(self) -> bool:
        """Whether the node's own ``status`` lets it be used (of_device_is_available, 2.3.4)."""
        return "status" not in self.properties or self.strings("status")[:1] in (("okay",), ("ok",))

    def is_compatible(self, names: Iterable[str]) -> bool:
        """Tell whether ``compatible`` has one of these names, whatever their case."""
        wanted = {name.lower() for name in names}
        return any(name.lower() in wanted for name in self.compatible)

    def matches(self, table: Iterable[Match]) -> bool:
        """Tell whether a line of ``table`` matches the node (of_match_node)."""
        return any(self._matches(line) for line in table)

    def _matches(self, line: Match) -> bool:
        if line.compatible and not self.is_compatible((line.compatible,)):
            return False
        if line.device_type and self.device_type != line.device_type:
            return False
        return not line.name or self.base_name == line.name

    def error(self, reason: str) -> DeviceTreeError:
        """Return the error that names this node."""
        return self.tree.error(f"{self.path}: {reason}")

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, parents before children."""
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self) -> Iterator[Node]:
        """Yield the nodes above, the nearest first and the root last."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def child(self, name: str) -> Node | None:
        """Return the child of this name (with its unit address), None if there is none."""
        return next((child for child in self.children if child.name == name), None)

    def add_child(self, name: str) -> Node:
        """Append a new child and return it."""
        node = Node(self.tree, name, self)
        self.children.append(node)
        return node

    def tags(self) -> Iterator[fdt.Tag]:
        """Yield the tokens that an fdt holds for this node and all below it."""
        yield fdt.Tag(fdt.BEGIN_NODE, self.name)
        for name, value in self.properties.items():
            yield fdt.Tag(fdt.PROPERTY, name, value)
        for child in self.children:
            yield from child.tags()
        yield fdt.Tag(fdt.END_NODE)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a string list property, () where it is absent; the last NUL may be missing.

        A byte is a character, so that what is no text is kept.
        """
        value = self.properties.get(name, b"")
        return tuple(value.removesuffix(b"\0").decode("latin-1").split("\0")) if value else ()

    def cells(self, name: str) -> tuple[int, ...]:
        """Return a property of 32-bit cells, () where it is absent; an incomplete last one is left out."""
        value = self.properties.get(name, b"")
        count = len(value) // CELL
        return struct.unpack_from(f">{count}I", value)

    def read_u32(self, name: str, index: int = 0) -> int | None:
        """Return a cell of a property, None unless it is that long (of_property_read_u32_index)."""
        cell = self.properties.get(name, b"")[index * CELL : (index + 1) * CELL]
        return int.from_bytes(cell, "big") if len(cell) == CELL else None

    def cell(self, name: str, default: int | None = None) -> int:
        """Return the first cell of a property, or the default; DeviceTreeError where there is neither."""
        cell = self.read_u32(name)
        if cell is None:
            cell = default
        if cell is None:
            raise self.error(f"{name} is missing")
        return cell

    def inherited_cells(self, name: str) -> int:
        """Return ``#address-cells`` or ``#size-cells`` of a bus: of the nearest node upwards that has any.

        The Devicetree specification (2.3.5) does not inherit them; Linux does (of_bus_n_addr_cells).
        """
        nodes = (self, *self.ancestors())
        return next((cells for node in nodes if (cells := node.read_u32(name)) is not None), 1)

    def set_cells(self, name: str, cells: Sequence[int]) -> None:
        """Set a property of 32-bit cells."""
        self.properties[name] = struct.pack(f">{len(cells)}I", *cells)

    def set_string(self, name: str, value: str) -> None:
        """Set a property of one string."""
        self.properties[name] = value.encode("ascii") + b"\0"


class DeviceTree:
    """A whole tree, read from an fdt; ``source`` names it in errors.

    Raises DeviceTreeError when the fdt is damaged or beyond the limits that ``fdt`` sets.
    """

    def __init__(self, contents: bytes, source: str = "device tree") -> None:
        self.source = source
        tags, self.reservations, self.boot_cpu = fdt.read(contents, source)
        self.root = Node(self, "", None)
        self._phandles: dict[int, Node] = {}
        self._build(tags)

    def _build(self, tags: list[fdt.Tag]) -> None:
        node = self.root
        for tag in tags[1:-1]:  # without those of the root itself
            if tag.number == fdt.BEGIN_NODE:
                node = node.add_child(tag.name)
            elif tag.number == fdt.PROPERTY:
                node.properties[tag.name] = tag.value
            elif node.parent is not None:
                node = node.parent
        for node in self.root.walk():
            phandle = _phandle(node)
            if phandle:
                # Of several nodes with one phandle, Linux finds the first (of_find_node_by_phandle).
                self._phandles.setdefault(phandle, node)

    def to_fdt(self) -> bytes:
        """Return the tree as an fdt; equal trees give equal bytes."""
        return fdt.write(fdt.Contents(list(self.root.tags()), self.reservations, self.boot_cpu))

    def by_phandle(self, phandle: int) -> Node | None:
        """Return the node which others refer to by this number, None if there is none."""
        return self._phandles.get(phandle)

    def error(self, reason: str) -> DeviceTreeError:
        """Return the error that names this tree."""
        return DeviceTreeError(self.source, reason)

    def cpu_nodes(self) -> list[Node]:
        """Return the CPUs (3.8), the boot CPU first."""
        cpus = self.root.child("cpus")
        children = cpus.children if cpus else []
        nodes = [node for node in children if node.device_type == "cpu"]
        return sorted(nodes, key=lambda node: node.cells("reg")[:1] != (self.boot_cpu,))

    def console_node(self) -> Node | None:
        """Return the node which ``chosen`` names as the console (3.6), None where it names none."""
        return self.find(self.console_path())

    def console_path(self) -> str:
        """Return the path or alias by which ``chosen`` names the console (3.6), "" where it names none."""
        chosen = self.root.child("chosen")
        if chosen is None:
            return ""
        path = (chosen.strings("stdout-path") or chosen.strings("linux,stdout-path") or ("",))[0]
        return path.partition(":")[0]

    def aliases_of(self, node: Node) -> list[str]:
        """Return the names in ``/aliases`` that lead to a node (3.3)."""
        aliases = self.root.child("aliases")
        names = aliases.properties if aliases is not None else {}
        return [name for name in names if self.find(name) is node]

    def find(self, path: str) -> Node | None:
        """Return the node with this full path or alias, None if there is none."""
        if path and not path.startswith("/"):
            aliases = self.root.child("aliases")
            path = next(iter(aliases.strings(path) if aliases else ()), "")
        if not path.startswith("/"):
            return None
        node: Node | None = self.root
        for name in path.strip("/").split("/"):
            node = node.child(name) if node is not None else None
        return node

    def chosen(self) -> Node:
        """Return the node ``/chosen``, added where it is missing."""
        return self.root.child("chosen") or self.root.add_child("chosen")


def _phandle(node: Node) -> int:
    """Return the number which others refer to the node by, 0 if it has none (populate_properties)."""
    for name, value in node.properties.items():
        if name in _PHANDLE_PROPERTIES and len(value) >= CELL:
            return int.from_bytes(value[:CELL], "big")
    return 0

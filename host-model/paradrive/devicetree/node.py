# SPDX-License-Identifier: GPL-2.0-or-later
"""The device tree: nodes, properties, where a node's registers lie and which interrupts it raises.

Devicetree Specification v0.4, chapter 2. Property values are kept as bytes and read as what the
caller says they are: big-endian 32-bit cells or NUL-terminated strings. Where a tree breaks the specification
it is read as Linux's drivers/of does, so that a device answers where the kernel looks for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree import fdt
from paradrive.devicetree.fdt import DeviceTreeError
from paradrive.devicetree.linux_address import IDENTITY, DmaRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Linux's OF_MAX_ADDR_CELLS: no bus has more.
_MAX_CELLS = 4
#: Rows of one array property (``reg``, ``ranges``), blocks of memory; more would only make a hostile tree
#: slow to read.
_MAX_ROWS = 256
_CELL = 4
_64_BITS = (1 << 64) - 1


class Region(NamedTuple):
    """A range of physical addresses, in bytes."""

    address: int
    size: int


class InterruptSpecifier(NamedTuple):
    """One interrupt of a node: the controller it goes to, and that controller's cells for it."""

    controller: Node
    cells: tuple[int, ...]


class Node:
    """A node of the tree. Its methods raise DeviceTreeError, naming the node, for what leads nowhere."""

    def __init__(self, tree: DeviceTree, name: str, parent: Node | None) -> None:
        self._tree = tree
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
    def is_enabled(self) -> bool:
        """Whether the node's status lets it be used (2.3.4)."""
        return "status" not in self.properties or self.strings("status")[:1] in (("okay",), ("ok",))

    def error(self, reason: str) -> DeviceTreeError:
        """Return the error that names this node."""
        return self._tree.error(f"{self.path}: {reason}")

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, parents before children."""
        yield self
        for child in self.children:
            yield from child.walk()

    def child(self, name: str) -> Node | None:
        """Return the child of this name (with its unit address), None if there is none."""
        return next((child for child in self.children if child.name == name), None)

    def add_child(self, name: str) -> Node:
        """Append a new child and return it."""
        node = Node(self._tree, name, self)
        self.children.append(node)
        return node

    def tags(self) -> Iterator[fdt.Tag]:
        """Yield the tokens a blob holds for this node and all below it."""
        yield fdt.Tag(fdt.BEGIN_NODE, self.name)
        for name, value in self.properties.items():
            yield fdt.Tag(fdt.PROPERTY, name, value)
        for child in self.children:
            yield from child.tags()
        yield fdt.Tag(fdt.END_NODE)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a string list property, () where it is absent; the last NUL may be missing."""
        value = self.properties.get(name, b"")
        if not value:
            return ()
        return tuple(value.removesuffix(b"\0").decode("ascii", "backslashreplace").split("\0"))

    def cells(self, name: str) -> tuple[int, ...]:
        """Return a property of 32-bit cells, () where it is absent; an incomplete last one is left out."""
        value = self.properties.get(name, b"")
        count = len(value) // _CELL
        return struct.unpack_from(f">{count}I", value)

    def cell(self, name: str) -> int:
        """Return the first cell of a property; DeviceTreeError where there is none."""
        cells = self.cells(name)
        if not cells:
            raise self.error(f"{name} is missing")
        return cells[0]

    def set_cells(self, name: str, cells: Sequence[int]) -> None:
        """Set a property of 32-bit cells."""
        self.properties[name] = struct.pack(f">{len(cells)}I", *cells)

    def set_string(self, name: str, value: str) -> None:
        """Set a property of one string."""
        self.properties[name] = value.encode("ascii") + b"\0"

    def register_regions(self) -> list[Region]:
        """Return what ``reg`` describes, translated to physical addresses through every ``ranges`` above."""
        if self.parent is None:
            return []
        address_cells, size_cells = self.parent._bus_cells()
        return [
            Region(self.parent._translate(address) & _64_BITS, size & _64_BITS)
            for address, size in self._rows("reg", address_cells, size_cells)
        ]

    def dma_ranges(self) -> list[DmaRange]:
        """Return which physical addresses the addresses on the bus are that the node is on (2.3.9).

        A bus without ``dma-ranges``, or with empty ones, passes addresses on as they are, as in Linux.
        """
        ranges = list(IDENTITY)
        bus = self.parent
        while bus is not None and bus.parent is not None:
            if bus.properties.get("dma-ranges"):
                child_cells, size_cells = bus._bus_cells()
                parent_cells, _ = bus.parent._bus_cells()
                rows = bus._rows("dma-ranges", child_cells, parent_cells, size_cells)
                ranges = [
                    piece
                    for child, parent, size in rows
                    for piece in _through(ranges, DmaRange(child, parent, size))
                ]
            bus = bus.parent
        return ranges

    def interrupts(self) -> list[InterruptSpecifier]:
        """Return the interrupts the node raises (2.4.1); ``interrupts-extended`` before ``interrupts``."""
        if "interrupts-extended" in self.properties:
            return self._extended_interrupts()
        cells = self.cells("interrupts")
        if not cells:
            return []
        controller = self._interrupt_parent()
        width = controller._interrupt_cells()
        if len(cells) < width:
            raise self.error(f"interrupts has less than the {width} cells of one interrupt")
        starts = range(0, len(cells) - width + 1, width)
        return [InterruptSpecifier(controller, cells[start : start + width]) for start in starts]

    def _extended_interrupts(self) -> list[InterruptSpecifier]:
        cells = self.cells("interrupts-extended")
        specifiers = []
        position = 0
        while position < len(cells):
            controller = self._by_phandle(cells[position], "interrupts-extended")
            end = position + 1 + controller._interrupt_cells()
            if end > len(cells):
                raise self.error("interrupts-extended ends within an interrupt")
            specifiers.append(InterruptSpecifier(controller, cells[position + 1 : end]))
            position = end
        return specifiers

    def _interrupt_parent(self) -> Node:
        """Return the controller named by the nearest ``interrupt-parent``, this node's own first."""
        node: Node | None = self
        while node is not None:
            if "interrupt-parent" in node.properties:
                return node._by_phandle(node.cell("interrupt-parent"), "interrupt-parent")
            node = node.parent
        raise self.error("interrupts without an interrupt-parent")

    def _interrupt_cells(self) -> int:
        if "interrupt-controller" not in self.properties:
            raise self.error("is used as an interrupt parent, but is not an interrupt controller")
        width = self.cell("#interrupt-cells")
        if not 1 <= width <= _MAX_CELLS:
            raise self.error(f"#interrupt-cells is {width}")
        return width

    def _by_phandle(self, phandle: int, name: str) -> Node:
        node = self._tree.by_phandle(phandle)
        if node is None:
            raise self.error(f"{name} refers to phandle {phandle:#x}, which no node has")
        return node

    def _bus_cells(self) -> tuple[int, int]:
        """Return the cells of an address and of a size on the bus which this node is (2.3.5).

        As of_bus_n_addr_cells in drivers/of/base.c: what is missing here is as on the bus above.
        """
        address_cells = self._inherited_cell("#address-cells")
        size_cells = self._inherited_cell("#size-cells")
        if not 1 <= address_cells <= _MAX_CELLS or size_cells == 0:
            raise self.error(f"has no bus of {address_cells} address cells and {size_cells} size cells")
        return address_cells, size_cells

    def _inherited_cell(self, name: str) -> int:
        node: Node | None = self
        while node is not None:
            if cells := node.cells(name):
                return cells[0]
            node = node.parent
        return 1

    def _rows(self, name: str, *widths: int) -> Iterator[list[int]]:
        """Yield the rows of an array property whose columns have ``widths`` cells each, as integers.

        An incomplete last row is left out.
        """
        cells = self.cells(name)
        rows = len(cells) // sum(widths)
        if rows > _MAX_ROWS:
            raise self.error(f"{name} has more than {_MAX_ROWS} rows")
        position = 0
        for _ in range(rows):
            row = []
            for width in widths:
                number = 0
                for cell in cells[position : position + width]:
                    number = number << 32 | cell
                row.append(number)
                position += width
            yield row

    def _translate(self, address: int) -> int:
        """Return the physical address of one on the bus which this node is (2.3.8).

        As of_translate_one in drivers/of/address.c: what begins within ``ranges`` may end outside.
        """
        if self.parent is None:
            return address
        if "ranges" not in self.properties:
            raise self.error("has no ranges, so the CPU cannot reach what is on this bus")
        if self.properties["ranges"]:
            child_cells, size_cells = self._bus_cells()
            parent_cells, _ = self.parent._bus_cells()
            for child, parent, length in self._rows("ranges", child_cells, parent_cells, size_cells):
                if child <= address < child + length:
                    return self.parent._translate(address - child + parent)
            raise self.error(f"address {address:#x} is outside its ranges")
        return self.parent._translate(address)


class DeviceTree:
    """A whole tree, read from a blob; ``source`` names it in errors.

    Raises DeviceTreeError when the blob is damaged or beyond the limits that ``fdt`` sets.
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
            for name in ("phandle", "linux,phandle"):
                # Of several nodes with one phandle, Linux finds the first.
                for phandle in node.cells(name)[:1]:
                    self._phandles.setdefault(phandle, node)

    def to_blob(self) -> bytes:
        """Return the tree as a blob; equal trees give equal blobs."""
        return fdt.write(fdt.Contents(list(self.root.tags()), self.reservations, self.boot_cpu))

    def by_phandle(self, phandle: int) -> Node | None:
        """Return the node which others refer to by this number, None if there is none."""
        return self._phandles.get(phandle)

    def error(self, reason: str) -> DeviceTreeError:
        """Return the error that names this tree."""
        return DeviceTreeError(self.source, reason)

    def memory_nodes(self) -> list[Node]:
        """Return the nodes that describe RAM (3.4)."""
        return [node for node in self.root.children if node.strings("device_type")[:1] == ("memory",)]

    def memory_regions(self) -> list[Region]:
        """Return the RAM, by ascending address; DeviceTreeError where there is none."""
        regions = [region for node in self.memory_nodes() for region in node.register_regions()]
        if not any(region.size for region in regions):
            raise self.error("no memory node with a size")
        if len(regions) > _MAX_ROWS:
            raise self.error(f"more than {_MAX_ROWS} blocks of memory")
        return sorted(region for region in regions if region.size)

    def cpu_nodes(self) -> list[Node]:
        """Return the CPUs (3.8), the boot CPU first."""
        cpus = self.root.child("cpus")
        children = cpus.children if cpus else []
        nodes = [node for node in children if node.strings("device_type")[:1] == ("cpu",)]
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

    def set_memory_size(self, size: int) -> None:
        """Let the tree describe one block of RAM of ``size`` bytes, where its first one starts."""
        start = self.memory_regions()[0].address
        first, *others = self.memory_nodes()
        for node in others:
            self.root.children.remove(node)
        address_cells, size_cells = self.root._bus_cells()
        if size >> 32 * size_cells:
            raise self.error(f"a memory size of {size:#x} does not fit into {size_cells} cells")
        first.set_cells("reg", _split(start, address_cells) + _split(size, size_cells))

    def chosen(self) -> Node:
        """Return the node ``/chosen``, added where it is missing."""
        return self.root.child("chosen") or self.root.add_child("chosen")


def _through(ranges: list[DmaRange], row: DmaRange) -> Iterator[DmaRange]:
    """Yield what a row of a bus's translation makes of the addresses that ``ranges`` lead to."""
    for bus, address, size in ranges:
        start, end = max(address, row.bus), min(address + size, row.bus + row.size)
        if start < end:
            yield DmaRange(bus + start - address, row.physical + start - row.bus, end - start)


def _split(number: int, width: int) -> list[int]:
    """Return ``number`` as ``width`` cells."""
    return [number >> 32 * position & 0xFFFF_FFFF for position in reversed(range(width))]

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where Linux finds the interrupts of a node: through parents and maps, down to a controller's inputs.

Devicetree Specification v0.4, 2.4. Source: Linux 6.12, drivers/of/irq.c, and of_parse_phandle_with_args in
drivers/of/base.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.node import CELL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node

#: MAX_PHANDLE_ARGS
_MAX_CELLS = 16
#: What of_irq_parse_one() takes of a device's reg, where zeros follow what is shorter.
_UNIT = struct.Struct(">3I")
#: Rows of interrupt-maps that one search looks at; more would only make a hostile tree slow to read.
_MAX_ROWS = 4096
#: of_irq_imap_abusers: controllers whose drivers read their interrupt-map themselves, which Linux ignores.
_OWN_MAP = (
    "CBEA,platform-spider-pic",
    "sti,platform-spider-pic",
    "realtek,rtl-intc",
    "fsl,ls1021a-extirq",
    "fsl,ls1043a-extirq",
    "fsl,ls1088a-extirq",
    "renesas,rza1-irqc",
    "pasemi,rootbus",
)


class Specifier(NamedTuple):
    """One interrupt of a node: the controller that it goes to, and that controller's cells for it."""

    controller: Node
    cells: tuple[int, ...]


class NoInterrupt(NamedTuple):
    """Why Linux finds no interrupt.

    If ``absent``, the node does not say that it has this one. If ``deferred``, the driver's probe is
    deferred; otherwise platform_get_irq_optional() says -ENXIO, whatever is wrong, as if there were none.
    """

    reason: str
    absent: bool = False
    deferred: bool = False


class EndlessSearch(DeviceTreeError):  # noqa: N818 - it is an answer rather than an error
    """The kernel looks for a controller in a circle, without an end; the circle goes through ``node``."""

    def __init__(self, node: Node) -> None:
        self.node = node
        circle = f"it looks for the interrupt controller for ever, in a circle through {node.path}"
        super().__init__(node.tree.source, circle)


def find_interrupt(node: Node, index: int = 0) -> Specifier | NoInterrupt:
    """Return where an interrupt of the node goes, and as what (of_irq_parse_one); raises EndlessSearch."""
    found = _extended(node, index)
    if isinstance(found, NoInterrupt):
        plain = _plain(node, index)
        if isinstance(plain, NoInterrupt):
            return found if plain.absent else plain
        found = plain
    return _resolve(found, _unit(node))


def _extended(node: Node, index: int) -> Specifier | NoInterrupt:
    """Return what ``interrupts-extended`` says (of_parse_phandle_with_args)."""
    cells = node.cells("interrupts-extended")
    position = 0
    for number in range(index + 1):
        if position >= len(cells):
            break
        start = position + 1
        position = start
        controller = None
        if cells[start - 1]:  # an empty entry has the phandle 0
            controller = node.tree.by_phandle(cells[start - 1])
            width = controller.read_u32("#interrupt-cells") if controller is not None else None
            if controller is None or width is None:
                return NoInterrupt(
                    f"interrupts-extended refers to phandle {cells[start - 1]:#x}, which no node "
                    "with #interrupt-cells has"
                )
            position += width
            if position > len(cells) or width > _MAX_CELLS:
                return NoInterrupt("interrupts-extended ends within an interrupt")
        if number == index and controller is not None:
            return Specifier(controller, cells[start:position])
    return NoInterrupt("it has no such interrupt", absent=True)


def _plain(node: Node, index: int) -> Specifier | NoInterrupt:
    """Return what ``interrupts`` says, of which the interrupt parent knows how many cells one has."""
    cells = node.cells("interrupts")
    parent = find_interrupt_parent(node)
    width = parent.read_u32("#interrupt-cells") if parent is not None else None
    if parent is None or width is None:
        return NoInterrupt("no interrupt parent has #interrupt-cells", absent=not cells)
    own = cells[index * width : (index + 1) * width]
    if len(own) < width:
        absent = len(node.properties.get("interrupts", b"")) <= index * width * CELL
        return NoInterrupt("it has no interrupts, or too few cells of them", absent=absent)
    # No cell at all is enough for a parent that asks for none, without interrupts, too.
    return Specifier(parent, own)


def find_interrupt_parent(node: Node) -> Node | None:
    """Return the node's interrupt parent (of_irq_find_parent); raises EndlessSearch."""
    child: Node | None = node
    seen: set[Node] = set()
    while child is not None:
        if child in seen:
            raise EndlessSearch(child)
        seen.add(child)
        phandle = child.read_u32("interrupt-parent")
        child = child.parent if phandle is None else child.tree.by_phandle(phandle)
        if child is None or "#interrupt-cells" in child.properties:
            return child
    return None


def _resolve(specifier: Specifier, unit: tuple[int, ...]) -> Specifier | NoInterrupt:
    """Follow a specifier to its controller, through interrupt-maps (of_irq_parse_raw).

    ``unit`` are the first cells of the device's reg. Without a map Linux looks for a controller further
    up, but then goes on with the node where it has begun.
    """
    width = _address_cells(specifier.controller)
    if width + len(specifier.cells) > _MAX_CELLS:
        return NoInterrupt(f"{specifier.controller.path} wants more than {_MAX_CELLS} cells")
    at: Node | None = specifier.controller
    key = (*unit, *[0] * width)[:width] + specifier.cells
    seen: set[tuple[Node, tuple[int, ...]]] = set()
    rows = 0
    while at is not None:
        if (at, key) in seen:
            raise EndlessSearch(at)
        seen.add((at, key))
        has_map = "interrupt-map" in at.properties
        if "interrupt-controller" in at.properties and (not has_map or at.is_compatible(_OWN_MAP)):
            return specifier
        if not has_map:
            at = find_interrupt_parent(at)
            continue
        mask = at.cells("interrupt-map-mask") or (0xFFFF_FFFF,) * len(key)
        match = None
        for row in _map(at, len(key)):
            rows += 1
            if rows > _MAX_ROWS:
                return NoInterrupt(f"its interrupt is looked for in more than {_MAX_ROWS} rows of maps")
            if row.matches(key, mask):
                match = row
                break
        if match is None:
            return NoInterrupt(f"the interrupt-map of {at.path} does not have this interrupt")
        specifier, key = match.follow()
        if specifier.controller is at:
            return specifier
        at = specifier.controller
    return NoInterrupt(f"{specifier.controller.path} is no interrupt controller")


def _address_cells(node: Node) -> int:
    """Return the width of a unit address in an interrupt-map, as the nearest node upwards says."""
    nodes = (node, *node.ancestors())
    return next((cells for at in nodes if (cells := at.read_u32("#address-cells")) is not None), 2)


class _Row(NamedTuple):
    """A row of an interrupt-map (2.4.3): what it is for, and where that leads.

    ``key`` are the bytes of what to look for there: ``unit`` cells of an address, and a specifier.
    """

    child: tuple[int, ...]
    controller: Node
    unit: int
    key: bytes

    def matches(self, key: tuple[int, ...], mask: tuple[int, ...]) -> bool:
        """Tell whether the row is for ``key``; one that leads to a disabled node is for nothing."""
        differs = any((a ^ b) & bits for a, b, bits in zip(self.child, key, mask, strict=False))
        return not differs and self.controller.is_available

    def follow(self) -> tuple[Specifier, tuple[int, ...]]:
        """Return where the row leads, and the key there."""
        key = struct.unpack(f">{len(self.key) // CELL}I", self.key)
        return Specifier(self.controller, key[self.unit :]), key


def _map(nexus: Node, width: int) -> Iterator[_Row]:
    """Yield the rows of an interrupt-map whose keys have ``width`` cells, up to one that is malformed."""
    contents = nexus.properties["interrupt-map"]
    child_and_phandle = struct.Struct(f">{width + 1}I")
    parents: dict[int, tuple[Node, int, int]] = {}
    end, position = len(contents) // CELL * CELL, 0
    while end - position > child_and_phandle.size:
        *child, phandle = child_and_phandle.unpack_from(contents, position)
        position += child_and_phandle.size
        if phandle not in parents:
            parent = nexus.tree.by_phandle(phandle)
            own = parent.read_u32("#interrupt-cells") if parent is not None else None
            if parent is None or own is None:
                return
            unit = parent.read_u32("#address-cells") or 0
            if unit + own > _MAX_CELLS:
                return
            parents[phandle] = parent, unit, CELL * (unit + own)
        controller, unit, size = parents[phandle]
        if position + size > end:
            return
        yield _Row(tuple(child), controller, unit, contents[position : position + size])
        position += size


def _unit(node: Node) -> tuple[int, ...]:
    """Return the cells of a node's reg by which an interrupt-map tells devices apart."""
    return _UNIT.unpack(node.properties.get("reg", b"")[: _UNIT.size].ljust(_UNIT.size, b"\0"))

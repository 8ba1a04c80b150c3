# SPDX-License-Identifier: GPL-2.0-or-later
"""Which interrupt Linux finds for a node, or the error that its driver gets.

Source: Linux 6.12, drivers/of/irq.c, kernel/irq/irqdomain.c, arch/powerpc/sysdev/mpic.c.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.linux_address import resources
from paradrive.devicetree.linux_tree import LinuxTree, Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.devicetree.node import Node

#: MAX_PHANDLE_ARGS
_MAX_CELLS = 16
#: What of_irq_parse_one() takes of a device's reg, where zeros follow what is shorter.
_UNIT = struct.Struct(">3I")
#: mpic_alloc() is told 256 sources, whatever the tree or the hardware say.
_MPIC_SOURCES = 256
#: The vectors of error interrupts and of timers, which are mapped without a look at the number of sources.
_ERROR_VECTORS = range(2003, 2035)
_TIMER_VECTORS = range(2035, 2043)
#: The third cell of a specifier of four (Documentation/devicetree/bindings/powerpc/fsl/mpic.txt).
_PLAIN, _ERROR, _TIMER = 0, 1, 3
_EXTENDED_CELLS = 4
_MPIC = (Match(device_type="open-pic"), Match(compatible="open-pic"))
HIGH_LEVEL = "high level"
_SENSES = ("rising edge", "low level", HIGH_LEVEL, "falling edge")
#: fsl_mpic_err.c maps and handles the source of errors, without a sense: it is as mpic_init() leaves it.
_ERROR_SOURCE, _ERROR_SENSE = 16, _SENSES[3]


class Interrupt(NamedTuple):
    """An interrupt that Linux can map: the controller's input, and its sense, "" if the tree says none."""

    controller: Node
    source: int
    sense: str


class NoInterrupt(NamedTuple):
    """Why there is none.

    If ``deferred``, the driver's probe is deferred; otherwise platform_get_irq_optional() says -ENXIO,
    whatever is wrong, as if the node had no interrupts.
    """

    reason: str
    deferred: bool = False


class Specifier(NamedTuple):
    """What Linux reads of an interrupt: the controller that it goes to, and that controller's cells."""

    controller: Node
    cells: tuple[int, ...]


class EndlessSearch(Exception):  # noqa: N818 - it is an answer rather than an error
    """The kernel looks for a controller in a circle, without an end; the circle goes through ``node``."""

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__(f"it looks for the interrupt controller for ever, in a circle through {node.path}")


class Mappings:
    """The interrupts that Linux has mapped, in the order in which devices ask for them."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        #: The senses of the sources that have been mapped already.
        self._senses: dict[int, str] = {}
        if interrupts.error_source is not None:
            self._senses[interrupts.error_source] = _ERROR_SENSE

    def map(self, node: Node) -> Interrupt | NoInterrupt:
        """Map a node's first interrupt (platform_get_irq_optional, irq_create_fwspec_mapping)."""
        found = self._interrupts.first(node)
        if isinstance(found, NoInterrupt):
            return found
        before = self._senses.get(found.source)
        if before and found.sense and before != found.sense:
            return NoInterrupt(f"source {found.source} is mapped as {before} already, not as {found.sense}")
        self._senses[found.source] = found.sense or before or ""
        return found


class Interrupts:
    """The interrupts of one tree. The methods raise EndlessSearch where the kernel would never return."""

    def __init__(self, tree: LinuxTree) -> None:
        self._tree = tree
        self.mpic = next((node for node in tree.root.walk() if tree.matches(node, _MPIC)), None)
        is_freescale = self.mpic is not None and tree.is_compatible(self.mpic, ("fsl,mpic",))
        #: The source that Linux itself handles, at Freescale's MPIC, None at another.
        self.error_source = _ERROR_SOURCE if is_freescale else None

    def first(self, node: Node) -> Interrupt | NoInterrupt:
        """Return what Linux maps for the first interrupt of a node, the first to ask for it (of_irq_get)."""
        specifier = self.specifier(node)
        if isinstance(specifier, NoInterrupt):
            return specifier
        controller, cells = specifier
        if controller is not self.mpic or not resources(self._tree, controller):
            return NoInterrupt(f"its interrupt parent {controller.path} has no driver", deferred=True)
        source = self.source(cells)
        if source is None:
            return NoInterrupt(f"the MPIC has no source <{' '.join(map(str, cells))}>")
        return Interrupt(controller, source, _SENSES[cells[1] & 3] if len(cells) > 1 else "")

    def source(self, cells: Sequence[int]) -> int | None:
        """Return the input of the MPIC that a specifier means, None where it has no such input.

        See mpic_host_xlate and mpic_host_map.
        """
        number, *_ = cells or (-1,)
        kind = _PLAIN
        if len(cells) >= _EXTENDED_CELLS and self.error_source is not None:
            kind = cells[2]
        if kind == _ERROR:
            return _ERROR_VECTORS[cells[3]] if cells[3] < len(_ERROR_VECTORS) else None
        if kind == _TIMER:
            return _TIMER_VECTORS[number] if number < len(_TIMER_VECTORS) else None
        exists = 0 <= number < _MPIC_SOURCES or number in _ERROR_VECTORS or number in _TIMER_VECTORS
        return number if kind == _PLAIN and exists else None

    def specifier(self, node: Node) -> Specifier | NoInterrupt:
        """Return where the node's first interrupt goes, and as what (of_irq_parse_one)."""
        found = self._extended(node)
        if found is None:
            parent = self.parent(node)
            width = self._tree.read_u32(parent, "#interrupt-cells") if parent is not None else None
            if parent is None or width is None:
                return NoInterrupt("no interrupt parent has #interrupt-cells")
            cells = node.cells("interrupts")[:width]
            if len(cells) < width:
                return NoInterrupt("it has no interrupts, or too few cells of them")
            # No cell at all is enough for a parent that asks for none, without interrupts, too.
            found = Specifier(parent, cells)
        return self._resolve(found, _unit(node))

    def _extended(self, node: Node) -> Specifier | None:
        """Return the first of ``interrupts-extended``, None where there is none that Linux can use."""
        cells = node.cells("interrupts-extended")
        controller = self._tree.by_phandle(cells[0]) if cells else None
        if controller is None:
            return None
        width = self._tree.read_u32(controller, "#interrupt-cells")
        if width is None or len(cells) < 1 + width or width > _MAX_CELLS:
            return None
        return Specifier(controller, cells[1 : 1 + width])

    def parent(self, node: Node) -> Node | None:
        """Return the node's interrupt parent (of_irq_find_parent)."""
        child: Node | None = node
        seen: set[Node] = set()
        while child is not None:
            if child in seen:
                raise EndlessSearch(child)
            seen.add(child)
            phandle = self._tree.read_u32(child, "interrupt-parent")
            child = child.parent if phandle is None else self._tree.by_phandle(phandle)
            if child is None or "#interrupt-cells" in child.properties:
                return child
        return None

    def _resolve(self, specifier: Specifier, unit: tuple[int, ...]) -> Specifier | NoInterrupt:
        """Follow a specifier to its controller, through interrupt-maps (of_irq_parse_raw).

        ``unit`` are the first cells of the device's reg. Without a map Linux looks for a controller further
        up, but then goes on with the node where it has begun.
        """
        width = self._address_cells(specifier.controller)
        if width + len(specifier.cells) > _MAX_CELLS:
            return NoInterrupt(f"{specifier.controller.path} wants more than {_MAX_CELLS} cells")
        at: Node | None = specifier.controller
        key = (*unit, *[0] * width)[:width] + specifier.cells
        seen: set[tuple[Node, tuple[int, ...]]] = set()
        while at is not None:
            if (at, key) in seen:
                raise EndlessSearch(at)
            seen.add((at, key))
            if "interrupt-map" in at.properties:
                row = self._row_for(key, at)
                if row is None:
                    return NoInterrupt(f"the interrupt-map of {at.path} does not have this interrupt")
                specifier, key = row
                if specifier.controller is at:
                    return specifier
                at = specifier.controller
            elif "interrupt-controller" in at.properties:
                return specifier
            else:
                at = self.parent(at)
        return NoInterrupt(f"{specifier.controller.path} is no interrupt controller")

    def _address_cells(self, node: Node) -> int:
        """Return the width of a unit address in an interrupt-map, as the nearest node upwards says."""
        at: Node | None = node
        while at is not None:
            cells = self._tree.read_u32(at, "#address-cells")
            if cells is not None:
                return cells
            at = at.parent
        return 2

    def _row_for(self, key: tuple[int, ...], nexus: Node) -> tuple[Specifier, tuple[int, ...]] | None:
        """Return the row of an interrupt-map that ``key`` matches: where it leads, and the key there."""
        cells = nexus.cells("interrupt-map")
        mask = nexus.cells("interrupt-map-mask") or (0xFFFF_FFFF,) * len(key)
        position = 0
        while len(cells) - position > len(key) + 1:
            row = cells[position : position + len(key)]
            position += len(key)
            parent = self._tree.by_phandle(cells[position])
            width = self._tree.read_u32(parent, "#interrupt-cells") if parent is not None else None
            if parent is None or width is None:
                return None
            unit = self._tree.read_u32(parent, "#address-cells") or 0
            end = position + 1 + unit + width
            if unit + width > _MAX_CELLS or end > len(cells):
                return None
            matches = all(not (a ^ b) & bits for a, b, bits in zip(row, key, mask, strict=False))
            if matches and self._tree.is_available(parent):
                return Specifier(parent, cells[end - width : end]), cells[position + 1 : end]
            position = end
        return None


def _unit(node: Node) -> tuple[int, ...]:
    """Return the cells of a node's reg by which an interrupt-map tells devices apart."""
    return _UNIT.unpack(node.properties.get("reg", b"")[: _UNIT.size].ljust(_UNIT.size, b"\0"))

# SPDX-License-Identifier: GPL-2.0-or-later
"""Which interrupt Linux finds for a node, or the error that its driver gets.

Source: Linux 6.12, drivers/of/irq.c, kernel/irq/irqdomain.c, arch/powerpc/sysdev/mpic.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive_tools.lint.linux.address import cells_of, resources
from paradrive_tools.lint.linux.tree import LinuxTree, Match

if TYPE_CHECKING:
    from paradrive.machine.devicetree import Node

#: MAX_PHANDLE_ARGS
_MAX_CELLS = 16
#: Of the device's reg, of_irq_parse_one() takes no more cells.
_UNIT_CELLS = 3
#: mpic_alloc() is told 256 sources, whatever the tree or the hardware say.
_MPIC_SOURCES = 256
#: The vectors of its timers, which are mapped without a look at the number of sources.
_LARGE_VECTOR_TIMERS = range(2035, 2043)
_MPIC = (Match(device_type="open-pic"), Match(compatible="open-pic"))
HIGH_LEVEL = "high level"
_SENSES = ("rising edge", "low level", HIGH_LEVEL, "falling edge")


class Interrupt(NamedTuple):
    """An interrupt that Linux has mapped: the controller's input, and its sense, "" if the tree says none."""

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


class EndlessSearch(Exception):  # noqa: N818 - it is an answer rather than an error
    """The kernel looks for a controller in a circle, without an end; the circle goes through ``node``."""

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__(f"it looks for the interrupt controller for ever, in a circle through {node.path}")


class Interrupts:
    """The interrupts of one tree, in the order in which devices ask for them."""

    def __init__(self, tree: LinuxTree) -> None:
        self._tree = tree
        self.mpic = next((node for node in tree.root.walk() if tree.matches(node, _MPIC)), None)
        #: The senses of the sources that have been mapped already.
        self._mapped: dict[int, str] = {}
        if self.mpic is not None and tree.is_compatible(self.mpic, ("fsl,mpic",)):
            # mpic_setup_error_int() maps it for itself, without a sense.
            self._mapped[16] = _SENSES[0]

    def first(self, node: Node) -> Interrupt | NoInterrupt:
        """Return what platform_get_irq_optional(device, 0) finds, and map it."""
        found = self._parse(node)
        if isinstance(found, NoInterrupt):
            return found
        controller, cells = found
        if controller is not self.mpic or not self._mpic_works():
            return NoInterrupt(f"its interrupt parent {controller.path} has no driver", deferred=True)
        return self._map(cells)

    def _mpic_works(self) -> bool:
        return self.mpic is not None and bool(resources(self._tree, self.mpic))

    def _map(self, cells: list[int]) -> Interrupt | NoInterrupt:
        """Map a specifier at the MPIC (mpic_host_xlate, mpic_host_map, irq_create_fwspec_mapping)."""
        assert self.mpic is not None
        if not cells:
            return NoInterrupt("its interrupt specifier has no cells")
        source = cells[0]
        sense = _SENSES[cells[1] & 3] if len(cells) > 1 else ""
        if not self.exists(source):
            return NoInterrupt(f"the MPIC has no source {source}")
        before = self._mapped.get(source)
        if before and sense and before != sense:
            reason = f"source {source} is mapped as {before} already, not as {sense}"
            return NoInterrupt(reason)
        self._mapped[source] = sense or before or ""
        return Interrupt(self.mpic, source, sense)

    def exists(self, source: int) -> bool:
        """Tell whether the MPIC has an input of this number (mpic_host_map)."""
        return source < _MPIC_SOURCES or source in _LARGE_VECTOR_TIMERS

    def specifier(self, node: Node) -> tuple[Node, list[int]] | None:
        """Return where the node's first interrupt goes, and its cells; None where Linux finds none."""
        found = self._parse(node)
        return None if isinstance(found, NoInterrupt) else found

    def _parse(self, node: Node) -> tuple[Node, list[int]] | NoInterrupt:
        """Return the controller and the specifier of the first interrupt (of_irq_parse_one)."""
        found = self._extended(node)
        if found is None:
            parent = self.parent(node)
            width = self._tree.read_u32(parent, "#interrupt-cells") if parent is not None else None
            if parent is None or width is None:
                return NoInterrupt("no interrupt parent has #interrupt-cells")
            specifier = cells_of(node, "interrupts")[:width]
            if len(specifier) < width or "interrupts" not in node.properties:
                return NoInterrupt("it has no interrupts, or too few cells of them")
            found = parent, specifier
        controller, specifier = found
        return self._walk_up(controller, cells_of(node, "reg")[:_UNIT_CELLS], specifier)

    def _extended(self, node: Node) -> tuple[Node, list[int]] | None:
        """Return the first of ``interrupts-extended``, None where there is none that Linux can use."""
        cells = cells_of(node, "interrupts-extended")
        controller = self._tree.by_phandle(cells[0]) if cells else None
        if controller is None:
            return None
        width = self._tree.read_u32(controller, "#interrupt-cells")
        if width is None or len(cells) < 1 + width or width > _MAX_CELLS:
            return None
        return controller, cells[1 : 1 + width]

    def parent(self, node: Node) -> Node | None:
        """Return the node's interrupt parent (of_irq_find_parent); raises EndlessSearch."""
        child: Node | None = node
        seen: set[str] = set()
        while child is not None:
            if child.path in seen:
                raise EndlessSearch(child)
            seen.add(child.path)
            phandle = self._tree.read_u32(child, "interrupt-parent")
            child = child.parent if phandle is None else self._tree.by_phandle(phandle)
            if child is None or "#interrupt-cells" in child.properties:
                return child
        return None

    def _walk_up(
        self, controller: Node, unit: list[int], specifier: list[int]
    ) -> tuple[Node, list[int]] | NoInterrupt:
        """Follow a specifier to its controller, through interrupt-maps (of_irq_parse_raw).

        ``unit`` are the first cells of the device's reg. Without a map Linux looks for a controller further
        up, but then goes on with the node where it has begun. Raises EndlessSearch.
        """
        at: Node | None = controller
        width = self._address_cells(controller)
        key = (unit + [0] * width)[:width] + specifier
        seen: set[str] = set()
        while at is not None:
            if at.path in seen:
                raise EndlessSearch(at)
            seen.add(at.path)
            if "interrupt-map" in at.properties:
                row = self._mapped_to(at, key)
                if row is None:
                    return NoInterrupt(f"the interrupt-map of {at.path} does not have this interrupt")
                controller, key, specifier = row
                at = controller if controller is not at else None
                if at is None:
                    return controller, specifier
            elif "interrupt-controller" in at.properties:
                return controller, specifier
            else:
                at = self.parent(at)
        return NoInterrupt(f"{controller.path} is no interrupt controller")

    def _address_cells(self, node: Node) -> int:
        """Return the width of a unit address in an interrupt-map, as the nearest node upwards says."""
        at: Node | None = node
        while at is not None:
            cells = self._tree.read_u32(at, "#address-cells")
            if cells is not None:
                return min(cells, _MAX_CELLS)
            at = at.parent
        return 2

    def _mapped_to(self, nexus: Node, key: list[int]) -> tuple[Node, list[int], list[int]] | None:
        """Return the row of an interrupt-map for ``key``: the parent, the key there, and its specifier."""
        cells = cells_of(nexus, "interrupt-map")
        mask = cells_of(nexus, "interrupt-map-mask") or [0xFFFF_FFFF] * len(key)
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
                return parent, cells[position + 1 : end], cells[end - width : end]
            position = end
        return None

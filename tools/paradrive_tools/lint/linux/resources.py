# SPDX-License-Identifier: GPL-2.0-or-later
"""Which physical addresses belong to something already when a module's driver asks for its own.

Source: Linux 6.12, drivers/of/fdt.c (early_init_dt_scan_memory), drivers/of/of_reserved_mem.c,
arch/powerpc/mm/mem.c (add_system_ram_resources), drivers/tty/serial/8250/8250_of.c, kernel/resource.c
(__request_region).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.linux_address import Resource, number_of, resources, rows
from paradrive.devicetree.node import BUS_CELLS, CELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from paradrive.devicetree.node import DeviceTree, Node


class Claim(NamedTuple):
    """A range that is busy, as /proc/iomem shows it, and whose it is."""

    resource: Resource
    owner: str


class Claims:
    """The busy ranges: RAM, the registers of ``serial_ports``, and whatever is claimed then."""

    def __init__(self, tree: DeviceTree, serial_ports: Iterable[Node]) -> None:
        self.memory = memory(tree)
        self._claims = [Claim(region, "RAM") for region in self.memory]
        for node in serial_ports:
            for resource in resources(node)[:1]:
                self.claim(resource, node.path)

    def conflict(self, resource: Resource) -> Claim | None:
        """Return what keeps ``resource`` from being claimed, None if nothing does."""
        return next((claim for claim in self._claims if claim.resource.overlaps(resource)), None)

    def claim(self, resource: Resource, owner: str) -> Claim | None:
        """Claim a range; return what keeps it from being claimed, None where nothing does."""
        conflict = self.conflict(resource)
        if conflict is None:
            self._claims.append(Claim(resource, owner))
        return conflict

    def release(self, owner: str) -> None:
        """Give back what ``owner`` has claimed."""
        self._claims = [claim for claim in self._claims if claim.owner != owner]


def memory(tree: DeviceTree) -> list[Resource]:
    """Return the RAM that Linux manages; reserved memory is part of it, unless it is not to be mapped."""
    found = []
    for node in tree.root.children:
        if node.device_type == "memory" and node.is_available:
            name = "linux,usable-memory" if "linux,usable-memory" in node.properties else "reg"
            found += _regions(tree, node.cells(name))
    return _without_all(found, _unmapped(tree))


def free_memory(tree: DeviceTree, ram: list[Resource]) -> list[Resource]:
    """Return what Linux can allocate of the ``ram`` that it manages: all that nobody has reserved."""
    return _without_all(ram, reserved_memory(tree))


def _unmapped(tree: DeviceTree) -> list[Resource]:
    """Return the reserved memory that Linux treats as if it were not there (early_init_dt_reserve_memory).

    What the header reserves already cannot be taken away from Linux any more.
    """
    before = _header_reservations(tree)
    return [
        region
        for node in _reserved_memory_nodes(tree)
        if "no-map" in node.properties
        for region in _regions(tree, node.cells("reg"))
        if not any(region.overlaps(other) for other in before)
    ]


def _reserved_memory_nodes(tree: DeviceTree) -> list[Node]:
    """Return the children of /reserved-memory that Linux heeds (fdt_scan_reserved_mem).

    It ignores all of them unless the node has ranges, and says itself the same cells as the root.
    """
    parent = next((node for node in tree.root.children if node.base_name == "reserved-memory"), None)
    if parent is None or "ranges" not in parent.properties:
        return []
    widths = [tree.root.inherited_cells(name) for name in BUS_CELLS]
    if [parent.read_u32(name) for name in BUS_CELLS] != widths:
        return []
    entry = CELL * sum(widths)
    return [
        node
        for node in parent.children
        if node.is_available and entry and len(node.properties.get("reg", b"")) % entry == 0
    ]


def _header_reservations(tree: DeviceTree) -> list[Resource]:
    return [Resource(address, address + size - 1) for address, size in tree.reservations if size]


def _without_all(regions: list[Resource], holes: list[Resource]) -> list[Resource]:
    for hole in holes:
        regions = [part for region in regions for part in _without(region, hole)]
    return regions


def _without(region: Resource, hole: Resource) -> list[Resource]:
    """Return what is left of a region."""
    if not region.overlaps(hole):
        return [region]
    parts = (Resource(region.start, hole.start - 1), Resource(hole.end + 1, region.end))
    return [part for part in parts if part.size > 0]


def reserved_memory(tree: DeviceTree) -> list[Resource]:
    """Return the RAM that the tree reserves: in its header, and in /reserved-memory."""
    nodes = _reserved_memory_nodes(tree)
    return _header_reservations(tree) + [
        region for node in nodes for region in _regions(tree, node.cells("reg"))
    ]


def _regions(tree: DeviceTree, cells: Sequence[int]) -> list[Resource]:
    address_cells, size_cells = (tree.root.inherited_cells(name) for name in BUS_CELLS)
    regions = []
    for row in rows(cells, address_cells + size_cells):
        start, size = number_of(row[:address_cells]), number_of(row[address_cells:])
        if size:
            regions.append(Resource(start, start + size - 1))
    return regions

# SPDX-License-Identifier: GPL-2.0-or-later
"""The RAM that a tree describes (Devicetree Specification v0.4, 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devicetree.linux_address import Region, bus_cells, regions

if TYPE_CHECKING:
    from paradrive.devicetree.node import DeviceTree, Node

#: More blocks would only make a hostile tree slow to read.
_MAX_BLOCKS = 256


def memory_nodes(tree: DeviceTree) -> list[Node]:
    """Return the nodes that describe RAM."""
    return [node for node in tree.root.children if node.device_type == "memory"]


def memory_regions(tree: DeviceTree) -> list[Region]:
    """Return the RAM, by ascending address; DeviceTreeError where there is none, or too many blocks of it."""
    found: list[Region] = []
    for node in memory_nodes(tree):
        found += regions(node, _MAX_BLOCKS + 1)
        if len(found) > _MAX_BLOCKS:
            raise tree.error(f"more than {_MAX_BLOCKS} blocks of memory")
    if not any(region.size for region in found):
        raise tree.error("no memory node with a size")
    return sorted(region for region in found if region.size)


def set_memory_size(tree: DeviceTree, size: int) -> None:
    """Let the tree describe one block of RAM of ``size`` bytes, where its first one starts."""
    start = memory_regions(tree)[0].address
    first, *others = memory_nodes(tree)
    for node in others:
        tree.root.children.remove(node)
    address_cells, size_cells = bus_cells(tree.root)
    if size >> 32 * size_cells:
        raise tree.error(f"a memory size of {size:#x} does not fit into {size_cells} cells")
    first.set_cells("reg", _split(start, address_cells) + _split(size, size_cells))


def _split(number: int, width: int) -> list[int]:
    """Return ``number`` as ``width`` cells."""
    return [number >> 32 * position & 0xFFFF_FFFF for position in reversed(range(width))]

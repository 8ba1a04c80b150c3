# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel does with ``dma-ranges`` before it probes a device (drivers/of/address.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devicetree.node import BUS_CELLS, CELL

if TYPE_CHECKING:
    from paradrive.devicetree.node import Node

#: Pointers have 32 bits. That to the fdt is about this one: 32 MiB behind the beginning of RAM.
_POINTERS, _FDT = 1 << 32, 0xC200_0000


class KernelCrash(Exception):  # noqa: N818 - it is an answer rather than an error
    """The kernel does not survive the tree."""


def configure(node: Node) -> None:
    """Read the ``dma-ranges`` that a device is under; raises KernelCrash (of_dma_get_range).

    The kernel computes with 32 bits where the next entry begins. An absurd number of cells then passes for
    one that fits, and the address is read to the end of RAM and beyond.
    """
    bus = _bus_with_ranges(node)
    if bus is None:
        return
    cells = sum(bus.inherited_cells(name) for name in BUS_CELLS)
    entry = CELL * (cells + (bus.parent.inherited_cells("#address-cells") if bus.parent else 1))
    size = len(bus.properties["dma-ranges"])
    if entry > size and (_FDT + entry) % _POINTERS <= _FDT + size:
        raise KernelCrash(
            f"it crashes reading dma-ranges of {bus.path}, an entry of which has {entry:#x} bytes"
        )


def _bus_with_ranges(node: Node) -> Node | None:
    """Return the bus whose ``dma-ranges`` count for a device: an empty one leaves it to the bus above."""
    for bus in (node, *node.ancestors()):
        ranges = bus.properties.get("dma-ranges")
        if ranges:
            return bus
        if ranges is None and bus is not node:
            return None
    return None

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where Linux finds the registers of a node: ``reg``, translated bus by bus up to the root.

A machine's devices answer there, too. Source: Linux 6.12, drivers/of/address.c. All arithmetic is that of
64-bit unsigned integers, which wrap.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.error import DeviceTreeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paradrive.devicetree.node import Node

_MASK = (1 << 64) - 1
#: OF_BAD_ADDR
_BAD = _MASK
#: OF_MAX_ADDR_CELLS
_MAX_ADDRESS_CELLS = 4
#: IORESOURCE_MEM, which a bus with a cell of flags has to say, and IORESOURCE_TYPE_BITS.
_MEMORY, _TYPE_BITS = 0x200, 0x1F00


#: Rows of ``ranges`` that are looked at for one node, and rows of one ``dma-ranges``, each of which may cut
#: each of the bus below into pieces. More would only make a hostile tree slow to read, and are an error.
_MAX_ROWS, _MAX_DMA_ROWS = 2048, 64


class Untranslatable(DeviceTreeError):  # noqa: N818 - it is an answer rather than an error
    """Why Linux cannot translate an address, and the bus at which it stopped."""

    def __init__(self, bus: Node, reason: str) -> None:
        self.bus = bus
        super().__init__(bus.tree.source, f"{bus.path}: {reason}")


class Region(NamedTuple):
    """A range of physical addresses, in bytes."""

    address: int
    size: int


class Resource(NamedTuple):
    """A range of physical addresses, both ends included, in bytes; ``end`` < ``start`` if it is empty."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.end - self.start + 1

    def overlaps(self, other: Resource) -> bool:
        """Tell whether the two have an address in common."""
        return self.start <= other.end and other.start <= self.end and self.size > 0 and other.size > 0

    def __str__(self) -> str:
        return f"{self.start:#x}..{self.end:#x}"


class DmaRange(NamedTuple):
    """``size`` bus addresses from ``bus``, which are physical addresses from ``physical`` on."""

    bus: int
    physical: int
    size: int


#: Of a device whose buses have no ``dma-ranges``, or empty ones.
IDENTITY = (DmaRange(0, 0, 1 << 64),)


class _Bus(NamedTuple):
    """How the children of a node are addressed (struct of_bus); ``flags`` is the number of cells of flags."""

    address_cells: int
    size_cells: int
    flags: int
    is_isa: bool


class _Range(NamedTuple):
    """A row of ``ranges``: the cells of an address on the bus, of that on the bus above, and the size."""

    address: Sequence[int]
    above: Sequence[int]
    size: int


def regions(node: Node, limit: int) -> list[Region]:
    """Return what the first ``limit`` entries of ``reg`` describe, of whatever kind the addresses are.

    The list ends before the first entry that leads nowhere; Untranslatable where that is the first.
    """
    if node.parent is None or not node.properties.get("reg"):
        return []
    _checked(node.parent)
    found: list[Region] = []
    budget = iter(range(_MAX_ROWS))
    try:
        for address, size in islice(entries(node), limit):
            found.append(Region(on_bus(node.parent, address, budget), size))
    except Untranslatable:
        if not found:
            raise
    return found


def resources(node: Node) -> list[Resource]:
    """Return the memory resources of a platform device made of ``node`` (of_device_alloc).

    The list ends before the first entry of ``reg`` that Linux cannot use.
    """
    found = []
    try:
        for address, size in entries(node):
            flags = _flags(node, address)
            if not flags & _MEMORY:
                break
            start = translate(node, address)
            end = (start + size - 1) & _MASK
            if size and end < start:  # -EOVERFLOW
                break
            if flags & _TYPE_BITS != _MEMORY:
                continue  # platform_get_resource() does not take it for memory
            found.append(Resource(start, end if size else start - 1))
    except Untranslatable:
        pass
    return found


def entries(node: Node) -> Iterator[tuple[Sequence[int], int]]:
    """Yield the entries of ``reg``: the cells of the address, and the size (__of_get_address)."""
    if node.parent is None:
        return
    bus = _bus(node.parent)
    if not 0 < bus.address_cells <= _MAX_ADDRESS_CELLS:
        return
    for row in rows(node.cells("reg"), bus.address_cells + bus.size_cells):
        yield row[: bus.address_cells], number_of(row[bus.address_cells :])


def is_memory(node: Node, address: Sequence[int]) -> bool:
    """Tell whether an address is one of memory, which it need not be on a bus with a cell of flags."""
    return bool(_flags(node, address) & _MEMORY)


def _flags(node: Node, address: Sequence[int]) -> int:
    """Return what the bus says of an address (of_bus.get_flags): bits of IORESOURCE."""
    bus = _bus(node.parent or node)
    if bus.is_isa:
        return 0 if address[0] & 1 else _MEMORY
    return address[0] if bus.flags else _MEMORY


def windows(bus_node: Node) -> list[Resource]:
    """Return the physical addresses that the ``ranges`` of a bus pass on to it."""
    if bus_node.parent is None:
        return []
    found = []
    for row in _ranges(bus_node, _bus(bus_node), _bus(bus_node.parent)):
        try:
            start = on_bus(bus_node, row.address)
        except Untranslatable:
            continue
        found.append(Resource(start, start + row.size - 1))
    return found


def translate(node: Node, address: Sequence[int]) -> int:
    """Return the physical address of an entry of ``reg`` (of_translate_address); raises Untranslatable.

    Of ``address``, as many cells count as the bus says.
    """
    if node.parent is None:
        raise Untranslatable(node, "the root has no address")
    return on_bus(node.parent, address)


def on_bus(bus_node: Node, address: Sequence[int], budget: Iterator[int] | None = None) -> int:
    """Return the physical address of one on a bus; raises Untranslatable.

    ``budget`` has an item for each row of ``ranges`` that may be looked at.
    """
    budget = iter(range(_MAX_ROWS)) if budget is None else budget
    parent = bus_node
    bus = _checked(parent)
    address = address[: bus.address_cells]
    while parent.parent is not None:
        upper = _checked(parent.parent)
        address = _up(parent, bus, upper, address, budget)
        parent, bus = parent.parent, upper
    number = number_of(address)
    if number == _BAD:
        raise Untranslatable(parent, "the address is all ones")
    return number


def bus_cells(node: Node) -> tuple[int, int]:
    """Return the cells of an address and of a size on the bus ``node``; Untranslatable if it is none."""
    bus = _checked(node)
    return bus.address_cells, bus.size_cells


def dma_ranges(node: Node) -> list[DmaRange]:
    """Return which physical addresses the addresses on the bus are that the node is on (2.3.9).

    A bus without ``dma-ranges``, or with empty ones, passes addresses on as they are. Where ranges overlap,
    the first one counts. Raises Untranslatable.
    """
    found = list(IDENTITY)
    bus = node.parent
    while bus is not None and bus.parent is not None:
        if bus.properties.get("dma-ranges"):
            own, upper = _checked(bus), _checked(bus.parent)
            above = [
                DmaRange(number_of(row.address[own.flags :]), number_of(row.above[upper.flags :]), row.size)
                for row in islice(_ranges(bus, own, upper, "dma-ranges"), _MAX_DMA_ROWS + 1)
            ]
            if len(above) > _MAX_DMA_ROWS:
                raise Untranslatable(bus, f"dma-ranges has more than {_MAX_DMA_ROWS} rows")
            pieces = (piece for lower in found for row in above for piece in _through(lower, row))
            found = list(islice(pieces, _MAX_DMA_ROWS))
        bus = bus.parent
    return found


def _through(lower: DmaRange, row: DmaRange) -> Iterator[DmaRange]:
    """Yield what a row of a bus's translation makes of the addresses that ``lower`` leads to."""
    start = max(lower.physical, row.bus)
    end = min(lower.physical + lower.size, row.bus + row.size)
    if start < end:
        yield DmaRange(lower.bus + start - lower.physical, row.physical + start - row.bus, end - start)


def _checked(node: Node) -> _Bus:
    bus = _bus(node)
    if not 0 < bus.address_cells <= _MAX_ADDRESS_CELLS:
        raise Untranslatable(node, f"has {bus.address_cells} address cells; Linux takes 1 to 4")
    if not bus.size_cells:
        raise Untranslatable(node, "has no size cells, so to Linux its addresses are not those of memory")
    return bus


def _bus(node: Node) -> _Bus:
    """Return how the children of ``node`` are addressed (of_match_bus)."""
    if node.base_name == "isa":
        return _Bus(2, 1, 1, is_isa=True)
    address_cells = node.inherited_cells("#address-cells")
    size_cells = node.inherited_cells("#size-cells")
    return _Bus(address_cells, size_cells, int(address_cells == 3), is_isa=False)


def _up(node: Node, bus: _Bus, upper: _Bus, address: Sequence[int], budget: Iterator[int]) -> Sequence[int]:
    """Return an address on the bus ``node`` as one on the bus above (of_translate_one)."""
    if "ranges" not in node.properties:
        raise Untranslatable(node, "has no ranges, so nothing above reaches what is on it")
    if not node.properties["ranges"]:
        flags = address[: upper.flags]
        return _add([*flags, *[0] * (upper.address_cells - len(flags))], number_of(address), upper)
    for row in _ranges(node, bus, upper):
        if next(budget, None) is None:
            raise Untranslatable(node, f"its address is looked for in more than {_MAX_ROWS} rows of ranges")
        offset = _offset(bus, row, address)
        if offset is not None:
            return _add(row.above, offset, upper)
    raise Untranslatable(node, f"its ranges do not contain {number_of(address):#x}")


def _ranges(node: Node, bus: _Bus, upper: _Bus, name: str = "ranges") -> Iterator[_Range]:
    """Yield the rows of the ``ranges`` of a bus, which is on the bus ``upper``."""
    below, above = bus.address_cells, bus.address_cells + upper.address_cells
    for row in rows(node.cells(name), above + bus.size_cells):
        yield _Range(row[:below], row[below:above], number_of(row[above:]))


def _offset(bus: _Bus, row: _Range, address: Sequence[int]) -> int | None:
    """Return how far into a row of ``ranges`` an address lies (of_bus_default_map and its like)."""
    if bus.is_isa and (address[0] ^ row.address[0]) & 1:
        return None
    if bus.flags and not bus.is_isa and address[0] != row.address[0]:
        return None
    start = number_of(row.address[bus.flags :])
    number = number_of(address[bus.flags :])
    if number < start or number >= (start + row.size) & _MASK:
        return None
    return number - start


def _add(base: Sequence[int], offset: int, bus: _Bus) -> Sequence[int]:
    """Return the cells of an address plus an offset (of_bus_default_translate)."""
    flags, cells = base[: bus.flags], base[bus.flags :]
    number = (number_of(cells) + offset) & _MASK
    result = [0] * len(cells)
    if len(cells) > 1:
        result[-2] = number >> 32
    result[-1:] = [number & 0xFFFF_FFFF]
    return [*flags, *result]


def rows(cells: Sequence[int], width: int) -> Iterator[Sequence[int]]:
    """Yield the rows of an array property, of ``width`` cells each, without an incomplete last one."""
    for position in range(0, len(cells) - width + 1, width) if width else ():
        yield cells[position : position + width]


def number_of(cells: Sequence[int]) -> int:
    """Return cells as one number of 64 bits (of_read_number)."""
    number = 0
    for cell in cells:
        number = (number << 32 | cell) & _MASK
    return number

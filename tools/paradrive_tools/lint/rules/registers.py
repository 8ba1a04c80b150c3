# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about ``reg``, and about how the buses above translate it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.devicetree.linux_address import Untranslatable, entries, is_memory, resources, translate
from paradrive.devicetree.node import BUS_CELLS, CELL
from paradrive_tools.lint.driver.pvctl import REGISTERS_SIZE
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.subject import Subject

#: Bits of a physical address (e500 Core Family Reference Manual, 1.2, "36-bit physical addressing").
_PHYSICAL_BITS = 36


@rule("reg-missing", Severity.ERROR, hint="Add reg = <address size>; with the cells that the bus asks for.")
def reg_missing(subject: Subject) -> Iterator[Problem]:
    """A device has no ``reg``, so nobody knows where its registers are.

    The kernel makes a device without resources of the node, and the driver's probe fails with -EINVAL,
    "invalid resource". An empty reg is as bad as none.

    Right, on a bus with one cell for an address and one for a size:

        pvctl@0 { compatible = "qemu,pvctl"; reg = <0x0 0x1000>; };
    """
    for node in subject.driver_nodes:
        if not node.properties.get("reg"):
            state = "is empty" if "reg" in node.properties else "is missing"
            yield Problem(node, f"its reg {state}", "reg")


@rule(
    "reg-malformed",
    Severity.ERROR,
    hint="Write as many cells as #address-cells and #size-cells of the bus say.",
)
def reg_malformed(subject: Subject) -> Iterator[Problem]:
    """The length of ``reg`` is not that of whole entries.

    An entry has #address-cells + #size-cells cells, as the bus above says. Of a ``reg`` that is too
    short, or has a rest, the kernel ignores the rest without a word: the device has no registers, or
    fewer than meant. An entry whose size is 0 describes no register at all; to claim it fails with
    -EBUSY.

    Wrong, on a bus with #address-cells = <1> and #size-cells = <1>, where cells of the root were meant:

        reg = <0xf 0x00000000 0x0 0x1000>;

    The kernel reads two entries, 0xf and 0x0, and 0x0 and 0x1000. Right:

        reg = <0x0 0x1000>;
    """
    for node in subject.driver_nodes:
        if node.parent is None or not node.properties.get("reg"):
            continue
        length = len(node.properties["reg"])
        width = CELL * sum(node.parent.inherited_cells(name) for name in BUS_CELLS)
        if width == 0 or length % width:
            yield Problem(
                node, f"its reg has {length} bytes, but an entry on {node.parent.path} has {width}", "reg"
            )
        elif node.parent.inherited_cells("#size-cells") and any(size == 0 for _, size in entries(node)):
            yield Problem(node, "its reg has the size 0", "reg")


@rule("reg-unaligned", Severity.ERROR, hint="Give the device pages of its own: a multiple of 0x1000.")
def reg_unaligned(subject: Subject) -> Iterator[Problem]:
    """A device's registers do not begin at a page.

    The core reads words at multiples of 4 only without a detour, and maps pages: a device that shares its
    page with another cannot be given to a guest or to a process alone. The registers of pvctl are one
    page, 4 KiB. The driver may bind nevertheless.

    Wrong:

        reg = <0x800 0x1000>;

    Right:

        reg = <0x1000 0x1000>;
    """
    for node in subject.driver_nodes:
        for resource in resources(node):
            if resource.start % PAGE_SIZE:
                yield Problem(node, f"its registers begin at {resource.start:#x}, within a page", "reg")


@rule(
    "reg-too-small",
    Severity.ERROR,
    hint=f"Make it at least {REGISTERS_SIZE:#x} bytes, better a page, 0x1000.",
)
def reg_too_small(subject: Subject) -> Iterator[Problem]:
    """The region of a pvctl is smaller than its registers.

    The driver maps what ``reg`` says, in whole pages, and then accesses registers beyond it, where something
    else may be, or nothing. The last register of pvctl, BOOT_REASON, ends at 0x28.

    Wrong:

        reg = <0x0 0x20>;

    Right:

        reg = <0x0 0x1000>;
    """
    for node in subject.pvctl_nodes:
        for resource in resources(node)[:1]:
            if 0 < resource.size < REGISTERS_SIZE:
                yield Problem(
                    node,
                    f"its {resource.size:#x} bytes do not hold the registers, which are {REGISTERS_SIZE:#x}",
                    "reg",
                )


@rule("bus-cells", Severity.ERROR, hint="Say #address-cells and #size-cells on each bus: 1 to 4, and 1 or 2.")
def bus_cells(subject: Subject) -> Iterator[Problem]:
    """A bus does not say, or says wrongly, how its children are addressed.

    Without #address-cells and #size-cells the Devicetree specification (2.3.5) takes 2 and 1, but Linux
    takes those of the bus above, so the two read different addresses. Linux translates addresses of 1 to
    4 cells, and none at all on a bus whose sizes have no cells. Of 3 cells it takes the first for flags,
    as on PCI.

    Wrong:

        bus { compatible = "simple-bus"; ranges; pvctl@f00000000 { reg = <0xf 0x0 0x0 0x1000>; }; };

    Right:

        bus { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges; ... };
    """
    for bus in _buses(subject):
        for name in BUS_CELLS:
            cells = bus.read_u32(name)
            if cells is None:
                yield Problem(bus, f"is a bus without {name}", name)
            elif not 1 <= cells <= (4 if name == "#address-cells" else 2) or cells == 3:
                yield Problem(bus, f"{name} = <{cells}> is nothing that Linux translates as meant", name)


@rule(
    "bus-without-ranges", Severity.ERROR, hint="Add ranges; (addresses are the same above) or a translation."
)
def bus_without_ranges(subject: Subject) -> Iterator[Problem]:
    """A bus has no ``ranges``, so the CPU does not reach what is on it.

    An empty ``ranges`` says that addresses on the bus are those of the bus above. No ``ranges`` at all
    says that there is no way from above (Devicetree specification 2.3.8), as for the addresses of an I2C
    bus: the device gets no resource, and its driver's probe fails with -EINVAL.

    Right, where 128 MiB at 0xf00000000 are passed on to the bus as its addresses from 0:

        platform@f00000000 {
            compatible = "qemu,platform", "simple-bus";
            #address-cells = <1>;
            #size-cells = <1>;
            ranges = <0x0 0xf 0x0 0x8000000>;
        };
    """
    for bus in _buses(subject):
        if bus.parent is not None and "ranges" not in bus.properties:
            yield Problem(bus, "is a bus without ranges, and devices are on it")


@rule("address-not-translatable", Severity.ERROR, hint="Let the ranges of each bus above cover the address.")
def address_not_translatable(subject: Subject) -> Iterator[Problem]:
    """An address leads nowhere: the ``ranges`` of a bus above do not cover it.

    The kernel drops this entry of ``reg`` and all that come after it; if it is the first, the device has no
    registers, and the driver's probe fails with -EINVAL. It takes the first range that has the beginning of
    the region, and does not look where the region ends: what ends outside is at addresses that belong to
    somebody else.

    Wrong, on a bus with ranges = <0x0 0xf 0x0 0x8000000>, which ends at 0x8000000:

        pvctl@8000000 { reg = <0x8000000 0x1000>; ... };

    Right, the last page of the bus:

        pvctl@7fff000 { reg = <0x7fff000 0x1000>; ... };
    """
    for node in subject.driver_nodes:
        for address, size in entries(node):
            try:
                start = translate(node, address)
                last = [*address[:-1], address[-1] + max(size, 1) - 1 & 0xFFFF_FFFF]
                end = translate(node, last)
            except Untranslatable as error:
                if "ranges" in error.bus.properties:
                    yield Problem(node, f"its address leads nowhere: {error.reason}", "reg")
                continue
            if not is_memory(node, address):
                yield Problem(node, "its address is not one of memory to Linux, by its first cell", "reg")
            elif end - start != max(size, 1) - 1:
                yield Problem(node, f"its registers are torn apart: {start:#x} to {end:#x}", "reg")


@rule("address-out-of-range", Severity.ERROR, hint=f"Choose an address below 2**{_PHYSICAL_BITS}.")
def address_out_of_range(subject: Subject) -> Iterator[Problem]:
    """An address has more bits than the core puts on its bus.

    The e500 has physical addresses of 36 bits (MAS7[RPN] has 4). Linux counts addresses in 64 bits and maps
    the region; the higher bits are lost without a word, and the driver talks to whatever is at the rest of
    the address. For the registers of pvctl that is -ENODEV at best.

    Wrong:

        ranges = <0x0 0x10 0x0 0x1000>;

    Right:

        ranges = <0x0 0xf 0x0 0x1000>;
    """
    for node in subject.driver_nodes:
        for resource in resources(node):
            if max(resource.start, resource.end) >> _PHYSICAL_BITS:
                yield Problem(node, f"{resource} is beyond {_PHYSICAL_BITS} bits", "reg")


def _buses(subject: Subject) -> list[Node]:
    """Return the nodes between the root and the driver's devices, both the root and others once."""
    found: dict[str, Node] = {}
    for node in subject.driver_nodes:
        at = node.parent
        while at is not None:
            found.setdefault(at.path, at)
            at = at.parent
    return list(found.values())

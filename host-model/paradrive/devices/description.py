# SPDX-License-Identifier: GPL-2.0-or-later
"""Documentation of a device, from what its class declares."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from paradrive.devices.buffers import Fifo, Window
from paradrive.devices.device import Device
from paradrive.devices.interrupt import Interrupt
from paradrive.devices.registers import Access, RegisterArray, RegisterDeclaration
from paradrive.devices.state import State
from paradrive.devices.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from paradrive.devices.declaration import Declaration

_HEADING = ("offset", "name", "width", "access", "reset", "meaning")


def section(device: type[Device], source: str = "", base: type[Device] = Device) -> str:
    """Return the section of a device class in Markdown: what it is, and all that it declares.

    ``source`` is a sentence about where the class is. What it has of ``base`` is left out.
    """
    models = f" Model: {_quoted(device.model_names)}." if device.model_names else ""
    besides = f"Besides what {base.__name__} has:" if base is not Device else ""
    paragraphs = [
        f"## {device.__name__}",
        f"Compatible: {_quoted(device.compatible) or 'nothing'}.{models}{f' {source}' if source else ''}",
        inspect.getdoc(inspect.getmodule(device)) or "",
        besides,
        describe(device, base),
    ]
    return "\n\n".join(paragraph.rstrip() for paragraph in paragraphs if paragraph) + "\n"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'`"{name}"`' for name in names)


def describe(device: type[Device], base: type[Device] = Device) -> str:
    """Return what a device class declares: the register map as a table in Markdown, then the rest.

    An array shows how many registers it has, and how far apart they are in each dimension. What it has of
    ``base`` is left out.
    """
    declarations = [
        one for name, one in device.declarations.items() if base.declarations.get(name) is not one
    ]
    mapped = [one for one in declarations if isinstance(one, RegisterDeclaration | Window)]
    mapped.sort(key=lambda one: (device.regions.index(one.region), one.offset))
    lines = []
    if mapped:
        rows = [_HEADING, ("---",) * len(_HEADING), *(_row(device, one) for one in mapped)]
        lines += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in rows]
        lines[1] = "|---" * len(_HEADING) + "|"
    if device.byte_order != "big" or device.byte_order_from_node:
        by_node = " unless the node says another order" if device.byte_order_from_node else ""
        lines += ["", f"Values are {device.byte_order}-endian{by_node}."]
    for title, names in _others(declarations):
        lines += ["", f"{title}: {', '.join(names)}."]
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _row(device: type[Device], declared: RegisterDeclaration | Window) -> tuple[str, ...]:
    offset, name = f"{declared.offset:#04x}", declared.name
    if isinstance(declared, RegisterArray):
        dimensions = zip("ijk", declared.dimensions, strict=False)
        offset += "".join(f" + {index} * {stride:#x}" for index, (_, stride) in dimensions)
        name += f"[{' * '.join(str(count) for count, _ in declared.dimensions)}]"
    if len(device.regions) > 1:
        offset = f"{declared.region}: {offset}"
    reset = "host" if declared.is_constant else "0x0"
    access = declared.access.value
    if isinstance(declared, Window):
        widths, meaning = f"{declared.size:#x} bytes", declared.doc
    else:
        widths = "/".join(map(str, sorted({declared.width, *declared.widths})))
        if isinstance(declared, Fifo):
            widths += f", {declared.depth} deep"
        fields = ", ".join(f"{field} {value:#x}" for field, value in declared.field_names().items())
        meaning = f"{declared.doc} {fields}." if fields else declared.doc
        reset = reset if declared.is_constant else f"{declared.reset_value:#x}"
        if declared.w1c and declared.access is not Access.W1C:
            access += f", W1C {declared.w1c:#x}"
    return offset, name, widths, access, reset, meaning


def _others(declarations: Iterable[Declaration]) -> Iterator[tuple[str, list[str]]]:
    """Yield what a device has besides what the guest can read and write."""
    # The line that every device gets, whether it uses it or not, tells nothing; nor does what is private.
    declared = [one for one in declarations if one is not Device.interrupt and one.name[0] != "_"]
    for title, kind in (("Interrupts", Interrupt), ("Timers", Timer), ("State", State)):
        names = [_other(one) for one in declared if isinstance(one, kind)]
        if names:
            yield title, names


def _other(declared: Declaration) -> str:
    if isinstance(declared, Interrupt):
        return f"{declared.name} ({declared.key})"
    if isinstance(declared, State):
        return f"{declared.name} ({declared.kind.__name__})"
    return declared.name

# SPDX-License-Identifier: GPL-2.0-or-later
"""The platform drivers in a kernel or a module, and the nodes which each of them takes.

A driver is found by its ``struct platform_driver``, which points to its table of ``of_device_id``. Aliases
would not do for built-in drivers: Linux 6.12 leaves them out of modules.builtin.modinfo.
Source: Linux 6.12, include/linux/platform_device.h, device/driver.h, mod_devicetable.h, as laid out with
pointers of 32 bits.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.node import Match
from paradrive_tools.lint.linux.built_in import BUS_DRIVER, is_taken_for_bus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node
    from paradrive.guest.elf_file import ElfFile, Symbol

#: Offsets in struct platform_driver, in bytes.
_DRIVER_NAME, _OF_MATCH_TABLE, _END = 20, 44, 48
#: Fields of struct of_device_id: name, type, compatible, in bytes; a pointer ``data`` follows.
_NAME, _TYPE, _COMPATIBLE = slice(0, 32), slice(32, 64), slice(64, 192)
_ENTRY_SIZE = 196
#: More would only make a hostile module slow to read.
_MAX_DRIVERS, _MAX_ENTRIES = 256, 256


class PlatformDriver(NamedTuple):
    """A driver: its name on the platform bus, and its table of what it matches."""

    name: str
    table: tuple[Match, ...]

    def takes(self, node: Node) -> bool:
        """Tell whether the driver matches the node and does not leave it to others."""
        if self.name == BUS_DRIVER:
            return is_taken_for_bus(node)
        return node.matches(self.table)


def platform_drivers(file: ElfFile) -> tuple[PlatformDriver, ...]:
    """Return the drivers in ``file`` that match nodes of a device tree, in the order of its symbols."""
    return tuple(islice(_drivers(file), _MAX_DRIVERS))


def _drivers(file: ElfFile) -> Iterator[PlatformDriver]:
    objects = [symbol for symbol in file.symbols if symbol.is_object]
    tables = {symbol.place: symbol for symbol in objects if symbol.size and symbol.size % _ENTRY_SIZE == 0}
    for symbol in objects:
        table = file.pointer(symbol.place.after(_OF_MATCH_TABLE)) if symbol.size >= _END else None
        name = file.pointer(symbol.place.after(_DRIVER_NAME)) if table in tables else None
        if table is not None and name is not None:
            yield PlatformDriver(file.string(name), tuple(_entries(file, tables[table])))


def _entries(file: ElfFile, table: Symbol) -> Iterator[Match]:
    """Yield the entries up to the empty one that ends the table."""
    contents = file.read(table.place, min(table.size, _MAX_ENTRIES * _ENTRY_SIZE))
    for start in range(0, len(contents), _ENTRY_SIZE):
        entry = contents[start : start + _ENTRY_SIZE]
        match = Match(_text(entry[_COMPATIBLE]), _text(entry[_TYPE]), _text(entry[_NAME]))
        if not any(match):
            return
        yield match


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("latin-1")

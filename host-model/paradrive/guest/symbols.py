# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols of the guest's kernel and its modules: the name of an address, and the address of a name."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.guest.elf_file import ElfFile
from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: STT_NOTYPE, which assembly code has, and STT_FUNC.
_CODE_TYPES = (0, 2)


class Symbol(NamedTuple):
    """A named address; ``size`` in bytes, 0 where the linker does not know it."""

    address: int
    name: str
    size: int


class Symbols:
    """The code symbols of a kernel, and of the modules added to it, by address."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self._symbols = sorted(symbols)
        self._addresses = [symbol.address for symbol in self._symbols]

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        addresses: dict[str, list[int]] = {}
        for symbol in self._symbols:
            addresses.setdefault(symbol.name, []).append(symbol.address)
        return addresses

    @classmethod
    def read(cls, elf: bytes) -> Symbols:
        """Return the symbols in an ELF file; none at all where it is damaged or has been stripped."""
        return cls(_code_symbols(elf, None))

    def with_module(self, elf: bytes, sections: Mapping[str, int]) -> Symbols:
        """Return these symbols and those of a module, whose ``sections`` are loaded at these addresses."""
        return Symbols(self._symbols + _code_symbols(elf, sections))

    def address(self, name: str) -> int:
        """Return the address of a symbol. Raises LookupError unless exactly one has this name."""
        found = self._by_name.get(name, [])
        if not found:
            raise LookupError(f"neither the kernel nor its modules have a function {name!r} out of line")
        if len(found) > 1:
            raise LookupError(f"the kernel and its modules have {len(found)} functions {name!r}")
        return found[0]

    def describe(self, address: int) -> str | None:
        """Return ``name+0xoffset`` for an address within the kernel's code, None outside of it."""
        symbol = self.at(address)
        if symbol is None:
            return None
        offset = address - symbol.address
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

    def at(self, address: int) -> Symbol | None:
        """Return the function that holds an address, None where there is none."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        symbol = self._symbols[index]
        # A label of assembly code has no size: it tells as far as its page may reach.
        return symbol if address - symbol.address < (symbol.size or PAGE_SIZE) else None


def _code_symbols(elf: bytes, sections: Mapping[str, int] | None) -> list[Symbol]:
    """Return the code symbols; with ``sections`` those in one of them, moved to where it is."""
    try:
        file = ElfFile(elf, "kernel" if sections is None else "module")
        bases = None
        if sections is not None:
            bases = {
                index: sections[name] for index, name in enumerate(file.section_names) if name in sections
            }
        entries = [
            (name, address + (bases[section] if bases is not None else 0), size)
            for name, address, size, info, section in file.symbol_entries()
            if name and info & 0xF in _CODE_TYPES and (bases is None or section in bases)
        ]
        names = file.names(name for name, _, _ in entries)
    except InputError:
        return []
    return [Symbol(address, name, size) for name, (_, address, size) in zip(names, entries, strict=True)]

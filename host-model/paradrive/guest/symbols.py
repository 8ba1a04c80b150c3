# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols of the guest's kernel, so that an address can be told by name."""

from __future__ import annotations

import io
from bisect import bisect_right
from typing import NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_CODE_TYPES = ("STT_FUNC", "STT_NOTYPE")


class Symbol(NamedTuple):
    """A named address; ``size`` in bytes, 0 where the linker does not know it."""

    address: int
    name: str
    size: int


class Symbols:
    """The code symbols of a kernel by address."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self._symbols = sorted(symbols)
        self._addresses = [symbol.address for symbol in self._symbols]

    @classmethod
    def read(cls, elf: bytes) -> Symbols:
        """Return the symbols in an ELF file; none at all where it is damaged or has been stripped."""
        symbols = []
        try:
            for section in ELFFile(io.BytesIO(elf)).iter_sections("SHT_SYMTAB"):
                if isinstance(section, SymbolTableSection):
                    symbols += [
                        Symbol(symbol["st_value"], symbol.name, symbol["st_size"])
                        for symbol in section.iter_symbols()
                        if symbol["st_info"]["type"] in _CODE_TYPES and symbol.name
                    ]
        except Exception:  # a damaged file leads pyelftools into errors of any kind
            return cls([])
        return cls(symbols)

    def describe(self, address: int) -> str | None:
        """Return ``name+0xoffset`` for an address within the kernel's code, None outside of it."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        symbol = self._symbols[index]
        offset = address - symbol.address
        if offset >= max(symbol.size, 4) and index == len(self._symbols) - 1:
            return None
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files of a kernel, vmlinux and modules: their sections, symbols, and where the pointers in them lead.

pyelftools reads the headers. What the sections hold is taken from the file as it is, and nothing is
unpacked, so that no file takes more memory than it has bytes.
Source: System V ABI and its PowerPC supplement.
"""

from __future__ import annotations

import io
import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile

from paradrive.machine.inputs import InputError, read_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The kernels and modules of this project are a tenth of it, with all their debugging information.
MAX_FILE_SIZE = 1 << 25
_MAX_SECTIONS = 4096
_MAX_STRING = 4096

#: What a kernel for the e500 and its modules are compiled for, as ``ElfFile.machine`` says it.
E500 = "32-bit big-endian PowerPC"

_SYMBOL = struct.Struct(">IIIBBH")
_RELOCATION = struct.Struct(">IIi")
_POINTER = struct.Struct(">I")
_STT_OBJECT, _STB_WEAK, _SHN_UNDEF, _R_PPC_ADDR32 = 1, 2, 0, 1


class Place(NamedTuple):
    """A byte of a section, by the section's index."""

    section: int
    offset: int

    def after(self, distance: int) -> Place:
        """Return the place ``distance`` bytes further on."""
        return Place(self.section, self.offset + distance)


class Symbol(NamedTuple):
    """An entry of the symbol table; ``size`` in bytes, ``is_object`` tells data from code."""

    name: int
    place: Place
    size: int
    is_object: bool
    is_weak: bool


class _Section(NamedTuple):
    name: str
    kind: str
    address: int
    contents: memoryview
    link: int
    target: int


class ElfFile:
    """One file. The symbols are those of a file for the e500; a file for any other machine has none here.

    Raises InputError when the file cannot be read, is too large, or is no ELF file in good order.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._contents = memoryview(read_input(path, MAX_FILE_SIZE))
        if bytes(self._contents[:4]) != b"\x7fELF":
            raise InputError(path, "is not an ELF file")
        try:
            self._read_headers()
        except InputError:
            raise
        except Exception:  # a damaged file leads pyelftools into errors of any kind
            raise InputError(path, "is a damaged ELF file") from None

    def _read_headers(self) -> None:
        stream = io.BytesIO(self._contents)
        file = ELFFile(stream)
        if file.num_sections() > _MAX_SECTIONS:
            raise InputError(self.path, f"has more than {_MAX_SECTIONS} sections")
        byte_order = "little" if file.little_endian else "big"
        #: For whom it was compiled, in words.
        self.machine = f"{file.elfclass}-bit {byte_order}-endian {file.get_machine_arch()}"
        self._is_relocatable = file["e_type"] == "ET_REL"
        # Not file.iter_sections(): it reads all names first, each of them as long as the file wants it.
        headers = [
            struct_parse(file.structs.Elf_Shdr, stream, file["e_shoff"] + index * file["e_shentsize"])
            for index in range(file.num_sections())
        ]
        contents = [self._section_contents(header) for header in headers]
        if sum(map(len, contents)) > len(self._contents):
            raise InputError(self.path, "has sections that overlap")
        names = contents[file["e_shstrndx"]] if headers else self._contents[:0]
        self._sections = [
            _Section(
                _string(names, header["sh_name"]),
                header["sh_type"],
                header["sh_addr"],
                contents[index],
                header["sh_link"],
                header["sh_info"],
            )
            for index, header in enumerate(headers)
        ]

    def _section_contents(self, header: Mapping[str, Any]) -> memoryview:
        if header["sh_type"] in ("SHT_NULL", "SHT_NOBITS"):
            return self._contents[:0]
        start, size = header["sh_offset"], header["sh_size"]
        if start + size > len(self._contents):
            raise InputError(self.path, "is cut short")
        return self._contents[start : start + size]

    def section(self, name: str) -> bytes | None:
        """Return the contents of the first section of this name, None where there is none."""
        return next((bytes(section.contents) for section in self._sections if section.name == name), None)

    @cached_property
    def symbols(self) -> list[Symbol]:
        """The symbol table, without its first entry, which is none."""
        table = self._symbol_table
        if table is None or self.machine != E500:
            return []
        addresses = [0 if self._is_relocatable else section.address for section in self._sections]
        symbols = []
        for name, value, size, kind, _, section in _unpack(_SYMBOL, table.contents):
            offset = value - addresses[section] if section < len(addresses) else value
            is_object, is_weak = kind & 0xF == _STT_OBJECT, kind >> 4 == _STB_WEAK
            symbols.append(Symbol(name, Place(section, offset), size, is_object, is_weak))
        return symbols[1:]

    @cached_property
    def _symbol_table(self) -> _Section | None:
        return next((section for section in self._sections if section.kind == "SHT_SYMTAB"), None)

    def undefined(self) -> Iterator[str]:
        """Yield the names of what other files have to define."""
        for symbol in self.symbols:
            if symbol.place.section == _SHN_UNDEF and not symbol.is_weak and (name := self.name(symbol)):
                yield name

    def name(self, symbol: Symbol) -> str:
        """Return the name of a symbol."""
        table = self._symbol_table
        return self.string(Place(table.link, symbol.name)) if table else ""

    def read(self, place: Place, size: int) -> bytes:
        """Return ``size`` bytes, fewer where the section ends, none outside of any section."""
        if place.section >= len(self._sections) or place.offset < 0:
            return b""
        return bytes(self._sections[place.section].contents[place.offset : place.offset + size])

    def string(self, place: Place) -> str:
        """Return the NUL-terminated string at ``place``, "" outside of any section."""
        inside = place.section < len(self._sections) and place.offset >= 0
        return _string(self._sections[place.section].contents, place.offset) if inside else ""

    def pointer(self, place: Place) -> Place | None:
        """Return where the pointer at ``place`` leads, None where that is nowhere in the file."""
        if self._is_relocatable:
            return self._relocations.get(place)
        (address,) = _POINTER.unpack(self.read(place, _POINTER.size).rjust(_POINTER.size, b"\0"))
        for index, section in enumerate(self._sections):
            if section.address and 0 <= address - section.address < len(section.contents):
                return Place(index, address - section.address)
        return None

    @cached_property
    def _relocations(self) -> dict[Place, Place]:
        """Where the pointers of a file lead that has not been linked yet."""
        found = {}
        for section in self._sections:
            if section.kind != "SHT_RELA" or not self._holds_data(section.target):
                continue
            for offset, information, addend in _unpack(_RELOCATION, section.contents):
                index = (information >> 8) - 1
                if information & 0xFF == _R_PPC_ADDR32 and 0 <= index < len(self.symbols):
                    found[Place(section.target, offset)] = self.symbols[index].place.after(addend)
        return found

    def _holds_data(self, index: int) -> bool:
        return index < len(self._sections) and self._sections[index].name.startswith((".data", ".rodata"))


def _string(table: memoryview, offset: int) -> str:
    """Return the string at ``offset``; of one that does not end, its beginning."""
    return bytes(table[offset : offset + _MAX_STRING]).partition(b"\0")[0].decode("ascii", "replace")


def _unpack(structure: struct.Struct, table: memoryview) -> Iterator[tuple[int, ...]]:
    return structure.iter_unpack(table[: len(table) // structure.size * structure.size])

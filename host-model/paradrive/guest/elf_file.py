# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files of a kernel, vmlinux and modules: their sections, symbols, and where the pointers in them lead.

pyelftools reads the headers. What the sections hold is taken from the file as it is, and nothing is
unpacked, so that no file takes more memory than it has bytes; names are cut where the kernel cuts them, and
bounded all together, since many symbols may have one.
Source: System V ABI and its PowerPC supplement.
"""

from __future__ import annotations

import io
import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile

from paradrive.host.inputs import InputError, read_input
from paradrive.host.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: The kernels and modules of this project are a tenth of it, with all their debugging information.
MAX_FILE_SIZE = 1 << 25
_MAX_SECTIONS = 4096
_MAX_STRING = 4096
#: A kernel with all of its tests and debugging aids has a tenth of it.
_MAX_SYMBOLS = 1 << 19
#: Bytes of a symbol's name: KSYM_NAME_LEN (Linux 6.12, include/linux/kallsyms.h).
MAX_NAME = 512
#: Bytes of all names: those of a vmlinux have two million.
MAX_NAMES_SIZE = 1 << 25

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

    ``path`` is what errors call it. Raises InputError when it is no ELF file in good order.
    """

    def __init__(self, contents: bytes, path: str) -> None:
        self.path = path
        self._contents = memoryview(contents)
        if bytes(self._contents[:4]) != b"\x7fELF":
            raise InputError(path, "is not an ELF file")
        try:
            self._read_headers()
        except InputError:
            raise
        except Exception:  # a damaged file leads pyelftools into errors of any kind
            raise InputError(path, "is a damaged ELF file") from None

    @classmethod
    def from_file(cls, path: str) -> ElfFile:
        """Read a file; InputError as above, or when it cannot be read or is too large."""
        return cls(read_input(path, MAX_FILE_SIZE), path)

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

    @property
    def section_names(self) -> list[str]:
        """The names of the sections, by their indexes."""
        return [section.name for section in self._sections]

    def section(self, name: str) -> bytes | None:
        """Return the contents of the first section of this name, None where there is none."""
        return next((bytes(section.contents) for section in self._sections if section.name == name), None)

    @cached_property
    def symbols(self) -> list[Symbol]:
        """The symbol table, without its first entry, which is none."""
        addresses = [0 if self._is_relocatable else section.address for section in self._sections]
        symbols = []
        for name, value, size, kind, section in self.symbol_entries():
            offset = value - addresses[section] if section < len(addresses) else value
            is_object, is_weak = kind & 0xF == _STT_OBJECT, kind >> 4 == _STB_WEAK
            symbols.append(Symbol(name, Place(section, offset), size, is_object, is_weak))
        return symbols[1:]

    def symbol_entries(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Yield of each entry of the symbol table name, value, size, info and section; the first is none."""
        table = self._symbol_table
        if table is not None and self.machine == E500:
            if len(table.contents) > _MAX_SYMBOLS * _SYMBOL.size:
                raise InputError(self.path, f"has more than {_MAX_SYMBOLS} symbols")
            for name, value, size, info, _, section in _unpack(_SYMBOL, table.contents):
                yield name, value, size, info, section

    def names(self, offsets: Iterable[int]) -> list[str]:
        """Return the names at these offsets into the table of the symbols' names, printable.

        Raises InputError when they are too long all together.
        """
        table = self._symbol_table
        inside = table is not None and table.link < len(self._sections)
        strings = bytes(self._sections[table.link].contents) if table is not None and inside else b""
        names, left = [], MAX_NAMES_SIZE
        for offset in offsets:
            end = strings.find(b"\0", offset, offset + MAX_NAME)
            name = strings[offset : end if end >= 0 else offset + MAX_NAME].decode("ascii", "replace")
            names.append(name if name.isprintable() else printable(name, MAX_NAME))
            left -= len(name)
            if left < 0:
                raise InputError(self.path, f"has symbols with more than {MAX_NAMES_SIZE} bytes of names")
        return names

    @cached_property
    def _symbol_table(self) -> _Section | None:
        return next((section for section in self._sections if section.kind == "SHT_SYMTAB"), None)

    def undefined(self) -> Iterator[str]:
        """Yield the names of what other files have to define."""
        wanted = (
            symbol.name
            for symbol in self.symbols
            if symbol.place.section == _SHN_UNDEF and not symbol.is_weak
        )
        yield from filter(None, self.names(wanted))

    def symbol_named(self, name: str) -> Symbol | None:
        """Return the first symbol of a name, None where there is none."""
        names = self.names(symbol.name for symbol in self.symbols)
        return self.symbols[names.index(name)] if name in names else None

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

# SPDX-License-Identifier: GPL-2.0-or-later
"""The flattened device tree (DTB): a bounded check, reading and writing.

Devicetree Specification v0.4, chapter 5. pyfdt reads and writes the format, but trusts its input: on
a damaged one it raises whatever comes, prints, or loops. So ``check`` walks it first and
lets only a well-formed one of bounded size and nesting through.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

from pyfdt import pyfdt  # type: ignore[import-untyped]

from paradrive.devicetree.error import DeviceTreeError

#: QEMU's FDT_MAX_SIZE; an e500 kernel maps little more of it early on.
MAX_FDT_SIZE = 1 << 20
MAX_STRINGS_SIZE = 1 << 16
MAX_DEPTH = 32
MAX_TAGS = 1 << 14
#: Properties and children of one node; pyfdt compares each with all others.
MAX_MEMBERS = 512
MAX_NAME_LENGTH = 127
MAX_RESERVATIONS = 256

BEGIN_NODE = pyfdt.FDT_BEGIN_NODE
END_NODE = pyfdt.FDT_END_NODE
PROPERTY = pyfdt.FDT_PROP

_HEADER = struct.Struct(">10I")
_RESERVATION = struct.Struct(">QQ")
_WORD = struct.Struct(">I")
_PROPERTY = struct.Struct(">II")
_MAGIC = pyfdt.FDT_MAGIC
_VERSION = 17
_COMPATIBLE_VERSION = 16


class Header(NamedTuple):
    """The header, fields in the order of the specification (5.2); sizes and offsets in bytes."""

    magic: int
    totalsize: int
    off_dt_struct: int
    off_dt_strings: int
    off_mem_rsvmap: int
    version: int
    last_comp_version: int
    boot_cpuid_phys: int
    size_dt_strings: int
    size_dt_struct: int


class Tag(NamedTuple):
    """One token of the structure block: a node's begin or end, or a property (5.4.1)."""

    number: int
    name: str = ""
    value: bytes = b""


class Contents(NamedTuple):
    """What an fdt holds.

    ``tags`` are the tokens in order, ``reservations`` (address, size) of memory which the guest must leave
    alone, ``boot_cpu`` is the ``reg`` of the CPU that boots.
    """

    tags: list[Tag]
    reservations: list[tuple[int, int]]
    boot_cpu: int


def read(fdt: bytes, source: str) -> Contents:
    """Return what ``fdt`` holds; DeviceTreeError, naming ``source``, as ``check`` raises it."""
    check(fdt, source)
    parsed = pyfdt.FdtBlobParse(io.BytesIO(fdt))
    tags = []
    for number, content in parsed.fdt_dt_tags:
        if number == PROPERTY:
            tags.append(Tag(number, *content))
        elif number in (BEGIN_NODE, END_NODE):
            tags.append(Tag(number, content))
    reservations = [(entry["address"], entry["size"]) for entry in parsed.fdt_reserve_entries]
    return Contents(tags, reservations, parsed.fdt_header["boot_cpuid_phys"])


def write(contents: Contents) -> bytes:
    """Return the fdt that holds ``contents``."""
    tree = pyfdt.Fdt(_VERSION, _COMPATIBLE_VERSION, contents.boot_cpu)
    open_nodes: list[pyfdt.FdtNode] = []
    for tag in contents.tags:
        if tag.number == BEGIN_NODE:
            node = pyfdt.FdtNode(tag.name)
            if open_nodes:
                # Its own append() refuses a second child of one name, which Linux takes.
                open_nodes[-1].subdata.append(node)
            else:
                tree.add_rootnode(node)
            open_nodes.append(node)
        elif tag.number == PROPERTY:
            open_nodes[-1].subdata.append(pyfdt.FdtProperty.new_raw_property(tag.name, tag.value))
        else:
            open_nodes.pop()
    tree.add_reserve_entries([{"address": address, "size": size} for address, size in contents.reservations])
    return bytes(tree.to_dtb())


def check(fdt: bytes, source: str) -> None:
    """Raise DeviceTreeError, naming ``source``, unless ``fdt`` is well formed and within these limits."""
    try:
        header = _check_header(fdt)
        _check_reservations(fdt, header)
        _StructureCheck(fdt, header).run()
    except _MalformedError as error:
        raise DeviceTreeError(source, str(error)) from None


class _MalformedError(Exception):
    """What is wrong with it."""


def _check_header(fdt: bytes) -> Header:
    if len(fdt) < _HEADER.size:
        raise _MalformedError(f"truncated: {len(fdt)} bytes are less than its header")
    header = Header._make(_HEADER.unpack_from(fdt))
    if header.magic != _MAGIC:
        raise _MalformedError(f"not a flattened device tree (magic {header.magic:#010x}, not {_MAGIC:#010x})")
    if header.totalsize > MAX_FDT_SIZE:
        raise _MalformedError(f"larger than {MAX_FDT_SIZE} bytes")
    if header.totalsize > len(fdt):
        raise _MalformedError(f"truncated: the header says {header.totalsize} bytes, there are {len(fdt)}")
    if header.version != _VERSION or header.last_comp_version != _COMPATIBLE_VERSION:
        versions = f"{header.version} (compatible with {header.last_comp_version})"
        raise _MalformedError(f"format version {versions} is not {_VERSION} ({_COMPATIBLE_VERSION})")
    if header.size_dt_strings > MAX_STRINGS_SIZE:
        raise _MalformedError(f"strings block is larger than {MAX_STRINGS_SIZE} bytes")
    for block, offset, size, alignment in (
        ("structure", header.off_dt_struct, header.size_dt_struct, 4),
        ("strings", header.off_dt_strings, header.size_dt_strings, 1),
        ("memory reservation", header.off_mem_rsvmap, _RESERVATION.size, 8),
    ):
        if offset < _HEADER.size or offset + size > header.totalsize or offset % alignment:
            raise _MalformedError(f"{block} block at {offset:#x} lies outside or is misaligned")
    return header


def _check_reservations(fdt: bytes, header: Header) -> None:
    offset = header.off_mem_rsvmap
    for _ in range(MAX_RESERVATIONS):
        if offset + _RESERVATION.size > header.totalsize:
            raise _MalformedError("memory reservation block has no end")
        if _RESERVATION.unpack_from(fdt, offset) == (0, 0):
            return
        offset += _RESERVATION.size
    raise _MalformedError(f"more than {MAX_RESERVATIONS} memory reservations")


class _OpenNode:
    """What is known so far of the members of a node."""

    def __init__(self) -> None:
        self.count = 0
        self.properties: set[str] = set()


class _StructureCheck:
    """One walk over the structure block."""

    def __init__(self, fdt: bytes, header: Header) -> None:
        self._fdt = fdt
        self._strings = header.off_dt_strings
        self._strings_end = header.off_dt_strings + header.size_dt_strings
        self._offset = header.off_dt_struct
        self._end = header.off_dt_struct + header.size_dt_struct
        #: Outermost first.
        self._open: list[_OpenNode] = []
        self._has_root = False

    def run(self) -> None:
        for _ in range(MAX_TAGS):
            tag = self._word()
            if tag == pyfdt.FDT_END:
                if self._open or not self._has_root:
                    raise _MalformedError("structure block ends within a node")
                return
            self._tag(tag)
        raise _MalformedError(f"more than {MAX_TAGS} nodes and properties")

    def _tag(self, tag: int) -> None:
        if tag == BEGIN_NODE:
            self._begin_node()
        elif tag == pyfdt.FDT_NOP:
            return
        elif not self._open:
            raise _MalformedError(f"tag {tag:#x} at {self._offset - 4:#x} outside of any node")
        elif tag == PROPERTY:
            self._property()
        elif tag == END_NODE:
            self._open.pop()
        else:
            raise _MalformedError(f"unknown tag {tag:#x} at {self._offset - 4:#x}")

    def _begin_node(self) -> None:
        name = self._name(self._offset, self._end)
        self._advance(len(name) + 1)
        if not self._open:
            if self._has_root or name:
                raise _MalformedError("there is not exactly one root node")
            self._has_root = True
        else:
            if not name or "/" in name:
                raise _MalformedError(f"node name {name!r} is not valid")
            self._count_member()
        if len(self._open) == MAX_DEPTH:
            raise _MalformedError(f"nodes nest deeper than {MAX_DEPTH}")
        self._open.append(_OpenNode())

    def _property(self) -> None:
        if self._offset + _PROPERTY.size > self._end:
            raise _MalformedError("truncated: structure block ends within a property")
        size, name_offset = _PROPERTY.unpack_from(self._fdt, self._offset)
        self._advance(_PROPERTY.size)
        self._advance(size)
        name = self._name(self._strings + name_offset, self._strings_end)
        if not name:
            raise _MalformedError("a property has no name")
        properties = self._open[-1].properties
        if name in properties:
            raise _MalformedError(f"a node has two properties named {name}")
        properties.add(name)
        self._count_member()

    def _count_member(self) -> None:
        node = self._open[-1]
        node.count += 1
        if node.count > MAX_MEMBERS:
            raise _MalformedError(f"a node has more than {MAX_MEMBERS} members")

    def _name(self, offset: int, end: int) -> str:
        """Return the NUL-terminated name at ``offset``, which must end before ``end``."""
        terminator = self._fdt.find(b"\0", offset, min(end, offset + MAX_NAME_LENGTH + 1))
        if terminator < 0:
            raise _MalformedError(f"name at {offset:#x} has no end within {MAX_NAME_LENGTH} bytes")
        name = self._fdt[offset:terminator]
        if not name.isascii() or not name.decode("ascii").isprintable():
            raise _MalformedError(f"name at {offset:#x} is not printable ASCII")
        return name.decode("ascii")

    def _word(self) -> int:
        if self._offset + _WORD.size > self._end:
            raise _MalformedError("truncated: structure block has no end tag")
        (word,) = _WORD.unpack_from(self._fdt, self._offset)
        self._advance(_WORD.size)
        return int(word)

    def _advance(self, size: int) -> None:
        """Step over ``size`` bytes and the padding to the next 4-byte boundary."""
        self._offset += (size + 3) & ~3
        if self._offset > self._end:
            raise _MalformedError("truncated: structure block ends within a node or property")

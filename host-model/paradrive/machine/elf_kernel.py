# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest kernel: what an ELF file says is to be loaded where, and where to enter it.

System V ABI, chapters 4 and 5, for ELF32 big-endian PowerPC executables such as ``vmlinux``. Only the
program headers are read here, because that is all a boot needs and every boot pays for it; symbols are
``paradrive.guest.symbols``.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from paradrive.host.inputs import InputError, read_input

#: Far above any kernel, which must lie in the guest's low memory anyway.
MAX_KERNEL_SIZE = 256 << 20

_IDENTIFICATION = struct.Struct(">4s3B9x")
_HEADER = struct.Struct(">HHIIIIIHHHHHH")
_PROGRAM_HEADER = struct.Struct(">8I")
_MAGIC = b"\x7fELF"
_CLASS_32, _CLASS_64 = 1, 2
_BIG_ENDIAN = 2
_EXECUTABLE = 2
_MACHINE_POWERPC = 20
_PT_LOAD = 1


class KernelError(InputError):
    """A file is not a kernel that this machine can load."""


class Segment(NamedTuple):
    """A part of the kernel: ``data`` goes to ``physical``, zeros follow up to ``memory_size`` bytes.

    Both addresses and the size are in bytes; ``virtual`` is where the kernel is linked to run.
    """

    virtual: int
    physical: int
    data: memoryview
    memory_size: int


class Kernel(NamedTuple):
    """A loadable kernel; ``entry`` is the physical address of its first instruction.

    ``contents`` is the whole ELF file.
    """

    source: str
    segments: tuple[Segment, ...]
    entry: int
    contents: bytes

    @property
    def start(self) -> int:
        """The lowest physical address it occupies."""
        return min(segment.physical for segment in self.segments)

    @property
    def end(self) -> int:
        """The physical address behind its last byte, uninitialised data included."""
        return max(segment.physical + segment.memory_size for segment in self.segments)

    @property
    def virtual_offset(self) -> int:
        """What to add to a physical address in the kernel to get the linked one."""
        return self.segments[0].virtual - self.segments[0].physical


def load_kernel(path: str) -> Kernel:
    """Return the kernel in an ELF file.

    Raises InputError when the file cannot be read, KernelError when it is no ELF32 big-endian
    PowerPC executable or is damaged.
    """
    return parse_kernel(read_input(path, MAX_KERNEL_SIZE), path)


def parse_kernel(contents: bytes, source: str) -> Kernel:
    """Return the kernel in the contents of an ELF file, which ``source`` names; KernelError as above."""
    program_headers, entry = _check_header(contents, source)
    segments = tuple(
        _segment(contents, source, header)
        for header in _PROGRAM_HEADER.iter_unpack(program_headers)
        if header[0] == _PT_LOAD and header[5]
    )
    if not segments:
        raise KernelError(source, "has no loadable segment")
    return Kernel(source, segments, _physical_entry(segments, entry, source), contents)


def _check_header(contents: bytes, source: str) -> tuple[bytes, int]:
    """Check the ELF header; return the program header table and the entry point."""
    if not contents.startswith(_MAGIC):
        raise KernelError(source, "is not an ELF file" if contents else "is empty")
    if len(contents) < _IDENTIFICATION.size + _HEADER.size:
        raise KernelError(source, "truncated: ends within the ELF header")
    _, elf_class, byte_order, _ = _IDENTIFICATION.unpack_from(contents)
    if elf_class != _CLASS_32:
        bits = "64-bit" if elf_class == _CLASS_64 else f"class {elf_class}"
        raise KernelError(source, f"is a {bits} ELF file, not a 32-bit one")
    if byte_order != _BIG_ENDIAN:
        raise KernelError(source, "is little-endian, not big-endian")
    header = _HEADER.unpack_from(contents, _IDENTIFICATION.size)
    file_type, machine, _, entry, table, _, _, _, entry_size, count = header[:10]
    if machine != _MACHINE_POWERPC:
        raise KernelError(source, f"is for another architecture (ELF machine {machine}, not PowerPC)")
    if file_type != _EXECUTABLE:
        raise KernelError(source, f"is not an executable (ELF type {file_type})")
    if entry_size != _PROGRAM_HEADER.size and count:
        raise KernelError(source, f"has program headers of {entry_size} bytes, not {_PROGRAM_HEADER.size}")
    end = table + count * _PROGRAM_HEADER.size
    if end > len(contents):
        raise KernelError(source, "truncated: ends within the program headers")
    return contents[table:end], entry


def _segment(contents: bytes, source: str, header: tuple[int, ...]) -> Segment:
    _, offset, virtual, physical, file_size, memory_size, _, _ = header
    if offset + file_size > len(contents):
        raise KernelError(source, f"truncated: ends within the segment for {virtual:#x}")
    if file_size > memory_size:
        raise KernelError(source, f"segment for {virtual:#x} is larger in the file than in memory")
    return Segment(virtual, physical, memoryview(contents)[offset : offset + file_size], memory_size)


def _physical_entry(segments: tuple[Segment, ...], entry: int, source: str) -> int:
    """Translate the entry point, which is a linked address, as QEMU's loader does."""
    for segment in segments:
        if segment.virtual <= entry < segment.virtual + segment.memory_size:
            return entry - segment.virtual + segment.physical
    raise KernelError(source, f"entry point {entry:#x} lies outside its segments")

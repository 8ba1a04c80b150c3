# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing a static executable for 32-bit big-endian PowerPC Linux (System V ABI, PowerPC supplement)."""

from __future__ import annotations

from struct import Struct

from paradrive.cpu.ports import PAGE_SIZE

_HEADER = Struct(">16sHHIIIIIHHHHHH")
_SEGMENT = Struct(">8I")
_IDENT = b"\x7fELF\x01\x02\x01" + bytes(9)  # 32 bits, big-endian
_ET_EXEC, _EM_PPC, _PT_LOAD = 2, 20, 1
_READ_WRITE_EXECUTE = 7


def executable(memory: bytes, base: int, size: int, entry: int) -> bytes:
    """Return the file that loads ``memory`` at ``base`` (page-aligned), zeros up to ``size`` bytes after it.

    Its one segment can be read, written and executed.
    """
    header = _HEADER.pack(
        _IDENT, _ET_EXEC, _EM_PPC, 1, entry, _HEADER.size, 0, 0, _HEADER.size, _SEGMENT.size, 1, 0, 0, 0
    )
    segment = _SEGMENT.pack(
        _PT_LOAD, PAGE_SIZE, base, base, len(memory), size, _READ_WRITE_EXECUTE, PAGE_SIZE
    )
    return (header + segment).ljust(PAGE_SIZE, b"\0") + memory

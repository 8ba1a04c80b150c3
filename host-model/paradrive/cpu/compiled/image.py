# SPDX-License-Identifier: GPL-2.0-or-later
"""The image of a core's program: machine code that runs at any address, with a header that says where.

It is the sections of LLVM's object file, linked. Loading it takes a mapping and a copy, and neither LLVM nor
an ELF library.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: An image starts with this, the offsets of its entries (32 bits each, little-endian), and a hash.
MAGIC = b"pdcode03"
ENTRIES = ("run", "prepare_page", "restore_pages", "connect")
_HASH = slice(24, 56)
#: The code follows, at an offset that keeps the alignment of its constants.
HEADER_SIZE = 64
METH_O = 0x0008


class _MethodDefinition(ctypes.Structure):
    """Python's PyMethodDef (Python/C API, Common Object Structures)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class CompiledCode:
    """A program that is ready to run, as functions that take host addresses; `Program` tells what they do.

    ``run`` is made a built-in function of Python: calling one through ctypes takes four times as long,
    which is more than all the rest of a device access.
    """

    def __init__(self, image: bytes) -> None:
        self._memory = mmap.mmap(-1, len(image), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._memory.write(image)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        run, prepare_page, restore_pages, connect = (start + offset for offset in _entry_offsets(image))
        two_pointers = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
        api = (ctypes.pythonapi.PyLong_AsVoidPtr, ctypes.pythonapi.PyLong_FromUnsignedLongLong)
        two_pointers(connect)(*(ctypes.cast(function, ctypes.c_void_p).value for function in api))
        self.prepare_page: Callable[[int, int], None] = two_pointers(prepare_page)
        returns_count = ctypes.CFUNCTYPE(
            ctypes.c_uint64,
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64),
            *(ctypes.c_void_p, ctypes.c_uint64),
        )
        self.restore_pages: Callable[[int, int, int, int, int, int], int] = returns_count(restore_pages)
        self._definition = _MethodDefinition(b"run", run, METH_O, None)
        make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        new_function = make(("PyCFunction_NewEx", ctypes.pythonapi))
        self.run: Callable[[int], int] = new_function(ctypes.addressof(self._definition), None, None)


def _entry_offsets(image: bytes) -> list[int]:
    return [int.from_bytes(image[8 + 4 * n : 12 + 4 * n], "little") for n in range(len(ENTRIES))]


def _checksum(image: bytes) -> bytes:
    return hashlib.sha256(image[: _HASH.start] + image[HEADER_SIZE:]).digest()


def pack_image(code: bytes, entries: Sequence[int]) -> bytes:
    """Return the image of linked ``code``; ``entries`` are offsets within it, in the order of ENTRIES."""
    offsets = b"".join((HEADER_SIZE + entry).to_bytes(4, "little") for entry in entries)
    header = (MAGIC + offsets).ljust(HEADER_SIZE, b"\0")
    checksum = _checksum(header + code)
    return header[: _HASH.start] + checksum + header[_HASH.stop :] + code


def is_sound(image: bytes) -> bool:
    """Tell whether these bytes are an image, and undamaged."""
    return image[: len(MAGIC)] == MAGIC and image[_HASH] == _checksum(image)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiling a core's program, once: the machine code is cached by the hash of what it is made from.

What is cached is an *image*: the sections of LLVM's object file, linked so that they run at any
address. Loading it takes a mapping and a copy, and neither LLVM nor an ELF library.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive import cpu, isa
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.user_cache import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: An image starts with this, the offsets of its entries (32 bits each, little-endian), and a hash.
MAGIC = b"pdcode03"
ENTRIES = ("run", "prepare_page", "restore_pages", "connect")
_HASH = slice(24, 56)
#: The code follows, at an offset that keeps the alignment of its constants.
HEADER_SIZE = 64
#: Files beside this one from which no code is made.
_NOT_COMPILED = {"engine.py", "translations.py", "remembered.py", "tables.py", "code_pages.py"}

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


def _sources() -> Iterator[Path]:
    """Yield every file whose text can change the compiled code."""
    core, compiled = Path(cpu.__file__).parent, Path(__file__).parent
    yield from (core / name for name in ("state.py", "models.py", "ports.py"))
    for directory in (Path(isa.__file__).parent, compiled):
        yield from (path for path in sorted(directory.glob("*.py")) if path.name not in _NOT_COMPILED)


@cache
def _host_processor() -> str:
    """Return what tells this processor from others: code is compiled for exactly one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    told = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(told)))


def image_path(model_name: str) -> Path:
    """Return where the image of this core for this processor and these sources is cached.

    OSError where the user has no directory for a cache.
    """
    digest = hashlib.sha256(f"{model_name}\n{os.uname().machine}\n{_host_processor()}\n".encode())
    for path in _sources():
        digest.update(path.read_bytes())
    return cache_directory() / "engine" / f"{model_name}-{digest.hexdigest()[:24]}.image"


def load(model_name: str) -> CompiledCode:
    """Return the compiled program of a core, compiling it if the cache has no sound image of it."""
    try:
        path = image_path(model_name)
    except OSError:  # without a directory for it, all that a cache saves is lost
        path = None
    image = None if path is None else _read_image(path)
    if image is None:
        # Imported only here: importing LLVM takes longer than a guest's whole boot.
        from paradrive.cpu.compiled.link import compile_image

        image = compile_image(CPU_MODELS[model_name])
        if path is not None and not _sources_have_changed():
            _write_image(path, image)
    return CompiledCode(image)


@cache
def shared(model_name: str) -> CompiledCode:
    """Return what ``load`` returns, the same for all cores of this process."""
    return load(model_name)


def _sources_have_changed() -> bool:
    """Tell whether a source was edited since this process started, which may run what it was before."""
    # proc(5), stat: the 22nd field is the start, in clock ticks since the host's.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    return any(path.stat().st_mtime > started for path in _sources())


def _checksum(image: bytes) -> bytes:
    return hashlib.sha256(image[: _HASH.start] + image[HEADER_SIZE:]).digest()


def pack_image(code: bytes, entries: Sequence[int]) -> bytes:
    """Return the image of linked ``code``; ``entries`` are offsets within it, in the order of ENTRIES."""
    offsets = b"".join((HEADER_SIZE + entry).to_bytes(4, "little") for entry in entries)
    header = (MAGIC + offsets).ljust(HEADER_SIZE, b"\0")
    checksum = _checksum(header + code)
    return header[: _HASH.start] + checksum + header[_HASH.stop :] + code


def _read_image(path: Path) -> bytes | None:
    """Return the image in ``path``, None if there is none or it is damaged."""
    try:
        image = path.read_bytes()
    except OSError:
        return None
    if image[:8] != MAGIC or image[_HASH] != _checksum(image):
        return None
    return image


def _write_image(path: Path, image: bytes) -> None:
    """Write ``image`` to the cache in one step; a cache that cannot be written only costs time."""
    import tempfile  # takes 6 ms to import, and is needed once

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as directory:
            written = Path(directory) / path.name
            written.write_bytes(image)
            written.replace(path)
    except OSError:
        return

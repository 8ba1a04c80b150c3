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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive import cpu, isa
from paradrive.cpu.models import CPU_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: An image starts with this, the offsets of run and prepare_page (32 bits each, little-endian), a hash.
MAGIC = b"pdcode01"
#: The code follows, at an offset that keeps the alignment of its constants.
HEADER_SIZE = 64


class CompiledCode:
    """A program that is ready to run: ``run(state)`` and ``prepare_page(page, ram)``, with host addresses."""

    def __init__(self, image: bytes) -> None:
        run, prepare_page = (int.from_bytes(image[at : at + 4], "little") for at in (8, 12))
        self._memory = mmap.mmap(-1, len(image), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._memory.write(image)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        # Keeping Python's lock costs other threads some milliseconds and saves a tenth of each exit.
        self.run: Callable[[int], int] = ctypes.PYFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(start + run)
        self.prepare_page: Callable[[int, int], None] = ctypes.PYFUNCTYPE(
            None, ctypes.c_void_p, ctypes.c_void_p
        )(start + prepare_page)


def cache_directory() -> Path:
    """Return where paradrive keeps what it builds, outside any checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "paradrive"


def _sources() -> Iterator[Path]:
    """Yield every file whose text can change the compiled code."""
    core, compiled = Path(cpu.__file__).parent, Path(__file__).parent
    yield from (core / "state.py", core / "models.py")
    for directory in (Path(isa.__file__).parent, compiled):
        yield from (path for path in sorted(directory.glob("*.py")) if path.name != "engine.py")


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
    """Return where the image of this core for this processor and these sources is cached."""
    digest = hashlib.sha256(f"{model_name}\n{os.uname().machine}\n{_host_processor()}\n".encode())
    for path in _sources():
        digest.update(path.read_bytes())
    return cache_directory() / "engine" / f"{model_name}-{digest.hexdigest()[:24]}.image"


def load(model_name: str) -> CompiledCode:
    """Return the compiled program of a core, compiling it if the cache has no sound image of it."""
    path = image_path(model_name)
    image = _read_image(path)
    if image is None:
        # Imported only here: importing LLVM takes longer than a guest's whole boot.
        from paradrive.cpu.compiled.link import compile_image

        image = compile_image(CPU_MODELS[model_name])
        _write_image(path, image)
    return CompiledCode(image)


def _checksum(image: bytes) -> bytes:
    return hashlib.sha256(image[:16] + image[HEADER_SIZE:]).digest()


def pack_image(code: bytes, run: int, prepare_page: int) -> bytes:
    """Return the image of linked ``code`` with its two entry points (offsets within it)."""
    offsets = b"".join((HEADER_SIZE + entry).to_bytes(4, "little") for entry in (run, prepare_page))
    image = MAGIC + offsets + bytes(HEADER_SIZE - 16) + code
    return image[:16] + _checksum(image) + image[48:]


def _read_image(path: Path) -> bytes | None:
    """Return the image in ``path``, None if there is none or it is damaged."""
    try:
        image = path.read_bytes()
    except OSError:
        return None
    if image[:8] != MAGIC or image[16:48] != _checksum(image):
        return None
    return image


def _write_image(path: Path, image: bytes) -> None:
    """Write ``image`` to the cache in one step; a cache that cannot be written only costs time."""
    import tempfile  # takes 6 ms to import, and is needed once

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(image)
        Path(file.name).replace(path)
    except OSError:
        return

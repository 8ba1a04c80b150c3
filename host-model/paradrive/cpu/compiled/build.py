# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiling a core's program, once: the machine code is cached by the hash of what it is made from.

What is cached is an *image* (`image`).
"""

from __future__ import annotations

import hashlib
import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive import cpu, isa
from paradrive.cpu.compiled.image import CompiledCode, is_sound
from paradrive.cpu.models import CPU_MODELS
from paradrive.host.user_cache import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Files beside this one from which no code is made.
_NOT_COMPILED = {"engine.py", "translations.py", "remembered.py", "tables.py", "code_pages.py"}


def _sources() -> Iterator[Path]:
    """Yield every file whose text can change the compiled code."""
    core, compiled = Path(cpu.__file__).parent, Path(__file__).parent
    yield from (core / name for name in ("state.py", "models.py", "ports.py", "interrupts.py"))
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


def _read_image(path: Path) -> bytes | None:
    """Return the image in ``path``, None if there is none or it is damaged."""
    try:
        image = path.read_bytes()
    except OSError:
        return None
    return image if is_sound(image) else None


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

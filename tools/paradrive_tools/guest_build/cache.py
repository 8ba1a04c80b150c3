# SPDX-License-Identifier: GPL-2.0-or-later
"""Directories that appear whole or not at all, and locks between processes that make them."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


#: The file descriptors of the locks that this process holds.
_held: list[int] = []


def held_locks() -> tuple[int, ...]:
    """Return the file descriptors of the locks that this process holds, for a child process to inherit.

    A child that has them keeps the locks until it ends as well, so that what a killed parent leaves running
    never meets the next holder.
    """
    return tuple(_held)


@contextmanager
def locked(lock: Path, waiting_for: str) -> Iterator[None]:
    """Hold the lock file ``lock`` exclusively; say what is being waited for when another has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"paradrive: waiting for {waiting_for}, which another process builds", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _held.append(descriptor)
        try:
            yield
        finally:
            _held.remove(descriptor)
    finally:
        os.close(descriptor)


def ensure_directory(directory: Path, build: Callable[[Path], None]) -> None:
    """Create ``directory`` unless it exists: all of it, or nothing.

    ``build(temporary)`` fills a temporary directory beside it, which is renamed at the end. Of several
    processes one builds, the others wait. Whatever an interrupted build has left is removed by the next.
    """
    if directory.exists():
        return
    with locked(directory.with_name(f"{directory.name}.lock"), directory.name):
        if directory.exists():
            return
        temporary = directory.with_name(f"{directory.name}.incomplete")
        _remove(temporary)
        temporary.mkdir()
        try:
            build(temporary)
            temporary.rename(directory)
        finally:
            _remove(temporary)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)

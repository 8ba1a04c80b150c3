# SPDX-License-Identifier: GPL-2.0-or-later
"""A directory of the host, to look at: nothing outside it can be reached, and nothing in it changed.

A path is a list of names below the directory. Each is opened on its own, below its parent, and no symbolic
link is followed: where one leads is for the guest to find out, within what it sees. Every function raises
OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: How deep a guest may go, and how long a name may be (NAME_MAX).
MAX_DEPTH, MAX_NAME = 64, 255
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_ANY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
#: A FIFO must not stop the host.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SharedDirectory:
    """The directory ``path``, which must exist; an empty one where none is given."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            self._root = os.open(path, _DIRECTORY)
            return
        with TemporaryDirectory() as empty:
            self._root = os.open(empty, _DIRECTORY)

    def close(self) -> None:
        """Let go of it."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def status(self, path: Sequence[bytes]) -> os.stat_result:
        """Return what there is to know of a file; of a symbolic link, not of what it leads to."""
        with self._opened(path, _ANY) as descriptor:
            return os.fstat(descriptor)

    def link_target(self, path: Sequence[bytes]) -> bytes:
        """Return where a symbolic link leads."""
        with self._opened(path, _ANY) as descriptor:
            return os.fsencode(os.readlink("", dir_fd=descriptor))

    def names(self, path: Sequence[bytes]) -> list[bytes]:
        """Return the names in a directory, in an order that does not depend on the host."""
        with self._opened(path, _READ | os.O_DIRECTORY) as descriptor, os.scandir(descriptor) as entries:
            return sorted(os.fsencode(entry.name) for entry in entries)

    def read(self, path: Sequence[bytes], offset: int, size: int) -> bytes:
        """Return bytes of a regular file, fewer where it ends."""
        with self._opened(path, _READ) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EACCES, "is no regular file")
            return os.pread(descriptor, size, min(offset, (1 << 63) - 1 - size))

    @contextmanager
    def _opened(self, path: Sequence[bytes], flags: int) -> Iterator[int]:
        if len(path) > MAX_DEPTH:
            raise OSError(errno.ENAMETOOLONG, "is too deep")
        directory = os.open(".", _ANY | os.O_DIRECTORY, dir_fd=self._root)
        try:
            for name in path[:-1]:
                below = os.open(_checked(name), _ANY | os.O_DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = below
            last = _checked(path[-1]) if path else b"."
            descriptor = os.open(last, flags, dir_fd=directory)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
        finally:
            os.close(directory)


def _checked(name: bytes) -> bytes:
    """Return a name that is one of a file in a directory; OSError for any other."""
    if len(name) > MAX_NAME:
        raise OSError(errno.ENAMETOOLONG, "is too long")
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise OSError(errno.ENOENT, "is no name")
    return name

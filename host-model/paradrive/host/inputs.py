# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that the user hands in: read with a bound, refused with one line."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING

from paradrive.host.own_descriptor import own_descriptor
from paradrive.host.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: As long as the path of a file can be.
MAX_SOURCE = 4096
#: How long to wait for the next bytes of what is no regular file, in seconds.
PATIENCE = 60
_PIECE_SIZE = 1 << 22


class InputError(Exception):
    """A file or setting the user gave cannot be used.

    ``source`` names it (a file name, or the option), ``reason`` says in one line what is wrong; both may
    quote the file, and are made printable here.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = printable(source, MAX_SOURCE)
        self.reason = printable(reason)
        super().__init__(f"{self.source}: {self.reason}")


def read_input(path: str, limit: int) -> bytes:
    """Return the contents of a file of at most ``limit`` bytes; it may be a pipe, as a shell's ``<(...)``.

    Never reads more than that, so that an endless file such as /dev/zero cannot fill the host's
    memory. Raises InputError when the file cannot be read, or is larger, or when nothing comes from it for
    ``PATIENCE``.
    """
    pieces, left = [], limit + 1
    try:
        descriptor = _open(path)
        try:
            for piece in _pieces(descriptor):
                pieces.append(piece[:left])
                left -= len(pieces[-1])
                if not left:
                    break
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(path, reason) from None
    if not left:
        raise InputError(path, f"larger than {limit} bytes")
    return b"".join(pieces)


def _open(path: str) -> int:
    """Return a descriptor for reading; to open a FIFO does not wait for who writes to it."""
    own = own_descriptor(path)
    if own is not None and not stat.S_ISREG(os.fstat(own).st_mode):
        return os.dup(own)
    # No pathlib: importing it takes 5 ms of every start.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)


def _pieces(descriptor: int) -> Iterator[bytes]:
    """Yield the contents piece by piece: a read of the limit would reserve as much memory for the least."""
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        if not regular and not poll.poll(1000 * PATIENCE):
            raise OSError(errno.ETIMEDOUT, f"nothing comes from it for {PATIENCE} s")
        piece = os.read(descriptor, _PIECE_SIZE)
        if not piece:
            return
        yield piece

# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that the user hands in: read with a bound, refused with one line."""

from __future__ import annotations

from paradrive.machine.printable import printable

#: As long as the path of a file can be.
MAX_SOURCE = 4096
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
    """Return the contents of a file of at most ``limit`` bytes.

    Never reads more than that, so that an endless file such as /dev/zero cannot fill the host's
    memory. Raises InputError when the file cannot be read, or is larger.
    """
    pieces, left = [], limit + 1
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (importing pathlib takes 5 ms of every start)
            # Piece by piece: a read of the limit would reserve as much memory for the smallest file.
            while left and (piece := file.read(min(left, _PIECE_SIZE))):
                pieces.append(piece)
                left -= len(piece)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(path, reason) from None
    if not left:
        raise InputError(path, f"larger than {limit} bytes")
    return b"".join(pieces)

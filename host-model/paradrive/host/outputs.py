# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that the user gets: complete or untouched, refused with one line.

Only a regular file can be replaced. A device, a pipe, or what this process has open already is written to.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from paradrive.host.inputs import InputError
from paradrive.host.own_descriptor import own_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_output(path: str, contents: Iterable[bytes]) -> None:
    """Write a file of these pieces, in place of one that may be there.

    Whenever this is interrupted, even by the end of the process, the old file is there or the new one. A
    symbolic link stays, and what it points to is replaced. What is no regular file is written to as it is; a
    FIFO waits for its reader. Raises InputError when it cannot be written.
    """
    try:
        descriptor = open_in_place(path)
        if descriptor is None:
            is_link = os.path.islink(path)  # noqa: PTH114
            _replace(os.path.realpath(path) if is_link else path, contents)
        else:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                file.writelines(contents)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(path, getattr(error, "strerror", None) or str(error)) from None


def open_in_place(path: str) -> int | None:
    """Return a descriptor for writing to what must not be replaced; None for a regular file, or a new one.

    Raises OSError or ValueError when it cannot be opened.
    """
    own = own_descriptor(path)
    if own is not None:
        return os.dup(own)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(mode) else os.open(path, os.O_WRONLY | os.O_NOCTTY)


def _replace(path: str, contents: Iterable[bytes]) -> None:
    directory, name = os.path.split(path)
    # A name of its own: two processes may write the same file.
    temporary = os.path.join(directory, f".{name}.{os.urandom(4).hex()}")  # noqa: PTH118 (no pathlib: inputs)
    try:
        with open(temporary, "xb") as file:  # noqa: PTH123
            file.writelines(contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        if os.path.exists(temporary):  # noqa: PTH110
            os.unlink(temporary)  # noqa: PTH108
        raise

# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that the user gets: complete or untouched, refused with one line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from paradrive.machine.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_output(path: str, contents: Iterable[bytes]) -> None:
    """Write a file of these pieces, in place of one that may be there.

    Whenever this is interrupted, even by the end of the process, the old file is there or the new one. Raises
    InputError when it cannot be written.
    """
    directory, name = os.path.split(path)
    # A name of its own: two processes may write the same file.
    temporary = os.path.join(directory, f".{name}.{os.urandom(4).hex()}")  # noqa: PTH118 (no pathlib: inputs)
    try:
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
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(path, getattr(error, "strerror", None) or str(error)) from None

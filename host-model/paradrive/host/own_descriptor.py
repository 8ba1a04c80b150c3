# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths that name what this process has open already: /dev/stdin, /dev/stdout, /dev/fd/N, /proc/self/fd/N."""

from __future__ import annotations

import os

#: Linux follows as many symbolic links.
_MAX_LINKS = 40
_MAX_DIGITS = 7


def own_descriptor(path: str) -> int | None:
    """Return the descriptor which ``path`` names, also through symbolic links; None if it names a file.

    To open such a path would open the file behind the descriptor anew: at its beginning, not where this
    process or the shell is in it. OSError where a link cannot be read.
    """
    for _ in range(_MAX_LINKS):
        directory, name = os.path.split(path)
        is_number = name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS
        if is_number and os.path.realpath(directory) == os.path.realpath("/proc/self/fd"):
            return int(name)
        if not os.path.islink(path):  # noqa: PTH114 (no pathlib: inputs)
            return None
        path = os.path.join(directory, os.readlink(path))  # noqa: PTH115, PTH118
    return None

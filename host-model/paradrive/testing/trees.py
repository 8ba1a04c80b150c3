# SPDX-License-Identifier: GPL-2.0-or-later
"""The device trees that tests name: blobs, or sources which dtc compiles."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class TreeError(Exception):
    """A device tree that a test names cannot be used."""


def find_tree(name: str, directories: Sequence[Path]) -> Path:
    """Return the first file of this name in one of the directories; TreeError where there is none."""
    for directory in directories:
        if (directory / name).is_file():
            return directory / name
    raise TreeError(f"there is no {name} in {', '.join(map(str, directories))}")


def tree_blob(path: Path, directories: Sequence[Path]) -> bytes:
    """Return a tree as a blob; a source (.dts) may include files of its own directory and of these.

    Raises TreeError when dtc is missing or refuses the source.
    """
    if path.suffix != ".dts":
        return path.read_bytes()
    includes = [argument for directory in (path.parent, *directories) for argument in ("-i", str(directory))]
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", *includes, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise TreeError("dtc is not installed: install the Debian package device-tree-compiler") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        raise TreeError(f"{path.name}: {lines[0] if lines else 'dtc has failed without a word'}")
    return done.stdout

# SPDX-License-Identifier: GPL-2.0-or-later
"""The device trees that tests name: blobs, or sources which dtc compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.host.bounded_process import run_bounded
from paradrive.host.inputs import InputError
from paradrive.host.printable import printable

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


def tree_fdt(path: Path, directories: Sequence[Path]) -> bytes:
    """Return a tree as a blob; a source (.dts) may include files of its own directory and of these.

    Raises TreeError when dtc is missing or refuses the source.
    """
    if path.suffix != ".dts":
        return path.read_bytes()
    includes = [argument for directory in (path.parent, *directories) for argument in ("-i", str(directory))]
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", *includes, str(path)]
    try:
        done = run_bounded(command, b"", path.name)
    except InputError as error:
        raise TreeError(str(error)) from None
    if done.status:
        reason = done.messages[0] if done.messages else "dtc has failed without a word"
        raise TreeError(f"{path.name}: {printable(reason)}")
    return done.output

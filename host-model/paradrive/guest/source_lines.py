# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in its sources the code of a module is, by its debugging information.

addr2line of GNU binutils reads it: it knows the relocations of a module, and which functions are inline.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.elf_file import MAX_NAME
from paradrive.host.bounded_process import run_bounded
from paradrive.host.inputs import InputError
from paradrive.host.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

ADDR2LINE = "powerpc-linux-gnu-addr2line"


class SourceLine(NamedTuple):
    """One line of a source file, and the function that it is in."""

    file: Path
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line} {self.function}"


def source_lines(module: Path, section: str, offsets: Iterable[int]) -> dict[int, list[SourceLine]]:
    """Return the lines of the instructions at these offsets, in bytes, into a section of a module's file.

    An instruction of an inline function has several, from that function outwards; those in other directories
    than the last, which is in the driver itself, are left out. There are none where the file has
    no debugging information, or addr2line is not installed.
    """
    places = [f"{offset:#x}" for offset in offsets]
    command = [
        ADDR2LINE,
        "--inlines",
        "--functions",
        "--addresses",
        f"--section={section}",
        "-e",
        str(module),
    ]
    try:
        done = run_bounded([*command, *places], b"", str(module))
    except InputError:  # a damaged file can lead it astray
        return {}
    answers = done.output.decode("utf-8", "replace").splitlines()
    starts = [index for index, line in enumerate(answers) if line.startswith("0x")]
    return {
        int(answers[start], 16): _drivers_own(_parse(answers[start + 1 : end]))
        for start, end in pairwise([*starts, len(answers)])
    }


def _parse(lines: list[str]) -> list[SourceLine]:
    """Return what pairs of lines tell: a function, then file:line, with a remark behind it at times."""
    found = []
    for function, place in zip(lines[::2], lines[1::2], strict=False):
        file, _, line = place.partition(" (")[0].rpartition(":")
        # What is unknown is in line 0 or ?.
        if line.isdecimal() and int(line):
            found.append(SourceLine(Path(printable(file)), int(line), printable(function, MAX_NAME)))
    return found


def _drivers_own(lines: list[SourceLine]) -> list[SourceLine]:
    return [line for line in lines if line.file.parent == lines[-1].file.parent]

# SPDX-License-Identifier: GPL-2.0-or-later
"""Text of a guest's or of a file's, made fit to be shown.

A name, a string of a tree or a line of a console can be as long as its author likes, and hold what steers a
terminal: escape sequences, line breaks, characters that reverse the direction of writing. The console of
``paradrive run`` is a console and passes on what the guest sends; what we say ourselves goes through here.
"""

from __future__ import annotations

#: Characters of a message; what comes after them tells nobody any more.
MAX_TEXT = 1000
#: Lines and characters of a longer text, such as a console, of which the end counts.
MAX_LINES, MAX_LINE = 2000, 1000
TAB = 8
_CUT = "..."


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """Return at most ``limit`` characters of a text, as one line, with escapes for what is not printable."""
    cut = text[: limit + 1]
    shown = cut if cut.isprintable() else "".join(map(_escaped, cut))
    return shown if len(shown) <= limit else shown[: limit - len(_CUT)] + _CUT


def printable_lines(text: str) -> str:
    """Return the last lines of a text, each as ``printable`` has it, and spaces for its tabs."""
    lines = text.replace("\r\n", "\n").split("\n")[-MAX_LINES:]
    return "\n".join(printable(line.replace("\t", " " * TAB), MAX_LINE) for line in lines)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")

# SPDX-License-Identifier: GPL-2.0-or-later
"""What a source includes: found, judged and copied here, so that no tool opens a file that the source names.

cpp and dtc would open whatever a source tells them to: a FIFO, on which they wait for ever, a device, or a
file of the host's whose content then stands in a finding. So both get copies of regular files from the
directories that sources may include from, in a directory of their own, and texts in which each inclusion
names such a copy. One that is refused becomes a ``#error``, or a name that is not there: it only matters
where the source means it, and not between ``#if 0`` and ``#endif``.

That this holds does not depend on reading the source exactly as cpp and dtc do: comments are blanked, and
what then still looks like an inclusion anywhere, in a string for example, is refused.

Source: GCC's The C Preprocessor, "Initial processing" and "Header Files"; dtc's dtc-lexer.l.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: Bytes, and files, of all that one tree includes. The largest boards in Linux have less than a tenth of it.
MAX_INCLUDED_SIZE = 1 << 23
MAX_INCLUDED_FILES = 1 << 11
#: The name, and the number, of an inclusion that is refused.
REFUSED = re.compile(r"refused-(\d+)")

# A backslash at the end of a line, which cpp lets white space follow.
_SPLICE = re.compile(r"\\[ \t\f\v]*\r?\n")
# Comments and what can hold the beginning of one. An unterminated string ends, for cpp, with its line.
_C_TOKENS = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)|"(?:\\[^\n]|[^"\\\n])*"?|'(?:\\[^\n]|[^'\\\n])*'?""", re.DOTALL
)
_DTS_TOKENS = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*)|"(?:[^\\"]|\\.)*(?:"|\Z)|'(?:\\'|[^'])*(?:'|\Z)|&\{[^}\s]*""",
    re.DOTALL,
)
_CLOSED = re.compile(r"/\*.*\*/", re.DOTALL)
_VISIBLE = re.compile(r"[^\s]")

# Blanked comments are gaps, too.
_C_GAP = r"(?:[ \t\f\v\r]|/\*\s*\*/)*"
_C_INCLUSION = re.compile(
    rf"(?P<start>(?:\A|(?<=\n)){_C_GAP})?(?P<sign>\#|%:|\?\?=){_C_GAP}(?P<name>include_next|include|import|embed|pragma)\b(?P<operand>(?:/\*\s*\*/|[^\n])*)"
)
_C_FILE = re.compile(rf'{_C_GAP}(?:"(?P<quoted>[^"]+)"|<(?P<angled>[^>]+)>){_C_GAP}(?://.*)?')
_C_ONCE = re.compile(rf"{_C_GAP}once{_C_GAP}(?://.*)?")

_DTS_GAP = r"(?:\s|/\*\s*\*/|//[^\n]*\n)*"
_DTS_INCLUSION = re.compile(
    r'/include/\s*"(?P<source>(?:[^\\"]|\\[^\n])*)"'
    rf'|/incbin/(?:{_DTS_GAP}\({_DTS_GAP}"(?P<data>(?:[^\\"]|\\[^\n])*)")?'
)


class _RefusedError(Exception):
    """A file may not be included; the message says why."""


class _Position(NamedTuple):
    """Where an inclusion is: the name of its file, and where in the search path that was found."""

    name: str
    found: int

    @property
    def directory(self) -> str:
        return os.path.dirname(self.name) or "."  # noqa: PTH120 (pathlib takes "./" away, cpp shows it)


class _Found(NamedTuple):
    real: str
    position: _Position


class _Copy(NamedTuple):
    """A file that has been given a name in the directory of the copies, and how it is to be read."""

    name: str
    found: _Found
    change: Callable[[str, _Position], str] | None


class Inclusion:
    """What one source includes, by copies in ``copies``, an empty directory.

    Files may be included from ``directories``, which are searched in this order, and from below them.
    Symbolic links do not lead out of them.
    """

    def __init__(self, copies: Path, directories: Sequence[str]) -> None:
        self._copies = copies
        self._directories = directories
        self._roots = [os.path.realpath(directory) for directory in directories]
        self._copied: dict[tuple[str, str, int, bool], str] = {}
        self._waiting: deque[_Copy] = deque()
        self._size = 0
        #: Why each inclusion has been refused, by its number.
        self.refused: list[str] = []

    def for_preprocessor(self, text: str, name: str) -> str:
        """Return the source ``name`` as cpp is to read it, when all that it can include has been copied."""
        return self._all_of(text, name, self._c_source)

    def for_dtc(self, text: str, name: str) -> str:
        """Return the source ``name`` as dtc is to read it, when all that it can include has been copied."""
        return self._all_of(text, name, self._dts_source)

    def explain(self, error: InputError) -> InputError:
        """Return the error of a tool, with the reason why a file that it has not found has been refused."""
        match = REFUSED.search(error.reason)
        is_known = match is not None and int(match[1]) < len(self.refused)
        return InputError(error.source, self.refused[int(match[1])]) if match and is_known else error

    def _all_of(self, text: str, name: str, change: Callable[[str, _Position], str]) -> str:
        result = change(text, _Position(name, -1))
        while self._waiting:
            copy = self._waiting.popleft()
            contents = self._read(copy)
            if copy.change is not None:
                changed = copy.change(contents.decode("latin-1"), copy.found.position)
                contents = changed.encode("latin-1")
            (self._copies / copy.name).write_bytes(contents)
        return result

    def _read(self, copy: _Copy) -> bytes:
        name = copy.found.position.name
        try:
            # It is a regular file; should it no longer be one, opening it must not wait.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
            with open(os.open(copy.found.real, flags), "rb") as file:  # noqa: PTH123
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise InputError(name, "is not a regular file")
                contents = file.read(MAX_INCLUDED_SIZE - self._size + 1)
        except OSError as error:
            raise InputError(name, error.strerror or str(error)) from None
        self._size += len(contents)
        if self._size > MAX_INCLUDED_SIZE:
            raise InputError(name, f"more than {MAX_INCLUDED_SIZE} bytes are included")
        return contents

    def _copy_of(self, found: _Found, change: Callable[[str, _Position], str] | None) -> str:
        """Return the name of the copy of a file, which is made later if there is none yet."""
        key = (found.real, *found.position, change is None)
        if key not in self._copied:
            if len(self._copied) >= MAX_INCLUDED_FILES:
                raise InputError(found.position.name, f"more than {MAX_INCLUDED_FILES} files are included")
            self._copied[key] = f"copy-{len(self._copied)}"
            self._waiting.append(_Copy(self._copied[key], found, change))
        return self._copied[key]

    def _find(self, name: str, directories: Sequence[tuple[int, str]]) -> _Found:
        """Return the first regular file of this name; of what is elsewhere, nothing is looked at."""
        if "\0" in name or "\\" in name:
            raise _RefusedError(f"{name}: its name has a backslash or a NUL byte")
        name, reason = os.fsdecode(name.encode("latin-1")), "No such file or directory"
        for found, directory in directories:
            path = os.path.join(directory, name)  # noqa: PTH118 (pathlib takes ".." and "./" away)
            real = os.path.realpath(path)
            if not any(real.startswith(os.path.join(root, "")) for root in self._roots):  # noqa: PTH118
                reason = "is in none of the directories to include from (-I DIR adds one)"
                continue
            try:
                mode = os.stat(real).st_mode  # noqa: PTH116
            except OSError:
                continue
            if not stat.S_ISREG(mode):
                raise _RefusedError(f"{path}: is not a regular file")
            return _Found(real, _Position(path, found))
        raise _RefusedError(f"{name}: {reason}")

    def _searched(self, position: _Position | None = None, after: int = -1) -> list[tuple[int, str]]:
        """Return the directories to search, each with its index: that of the including file first."""
        own = [] if position is None else [(position.found, position.directory)]
        return own + list(enumerate(self._directories))[after + 1 :]

    def _refuse(self, reason: str) -> str:
        self.refused.append(reason)
        return f"refused-{len(self.refused) - 1}"

    def _c_source(self, text: str, position: _Position) -> str:
        """Return a source for cpp, which begins with what it is called."""
        text = _with_blank_comments(_joined(text), _C_TOKENS)

        def replace(match: re.Match[str]) -> str:
            if match["sign"] != "#" or match["start"] is None:
                raise InputError(position.name, f"#{match['name']} is not at the beginning of a line")
            lines_within = "\n" * match[0].count("\n", len(match["start"]))
            return match["start"] + self._c_directive(match, position) + lines_within

        return _named(position.name) + _C_INCLUSION.sub(replace, text)

    def _c_directive(self, match: re.Match[str], position: _Position) -> str:
        name, operand = match["name"], match["operand"]
        if name == "pragma":  # others than this one mean nothing to dtc, and some open files
            return "#pragma once" if _C_ONCE.fullmatch(operand) else ""
        file = _C_FILE.fullmatch(operand)
        if file is None or name == "embed":
            return f"#error {self._refuse(f'#{name} {operand.strip()}: does not name a source')}"
        if name == "include_next":
            directories = self._searched(after=position.found)
        else:
            directories = self._searched(position if file["quoted"] else None)
        try:
            found = self._find(file["quoted"] or file["angled"], directories)
        except _RefusedError as error:
            return f"#error {self._refuse(str(error))}"
        directive = "import" if name == "import" else "include"
        return f'#{directive} "{self._copy_of(found, self._c_source)}"'

    def _dts_source(self, text: str, position: _Position) -> str:
        """Return a source for dtc, which begins with what it is called."""
        tokens = [match.span() for match in _DTS_TOKENS.finditer(text) if match["comment"] is None]
        strings = dict(tokens)
        blanked = _with_blank_comments(text, _DTS_TOKENS)

        def replace(match: re.Match[str]) -> str:
            group = "source" if match["source"] is not None else "data"
            # What it names has to be a string of its own: it could itself be the middle of one.
            if match[group] is None or strings.get(match.start(group) - 1) != match.end(group) + 1:
                raise InputError(position.name, f"{match[0].split('/')[1]} does not name a file")
            change = self._dts_source if group == "source" else None
            try:
                found = self._find(match[group], self._searched(position))
                name = self._copy_of(found, change)
            except _RefusedError as error:
                name = self._refuse(str(error))
            return match[0][: match.start(group) - match.start()] + name + '"'

        return _named(position.name) + _DTS_INCLUSION.sub(replace, blanked)


def _named(name: str) -> str:
    """Return the line that tells cpp and dtc of which file the lines below are."""
    quoted = re.sub(r'[\\"]', r"\\\g<0>", os.fsencode(name.replace("\n", "?")).decode("latin-1"))
    return f'#line 1 "{quoted}"\n'


def _joined(text: str) -> str:
    """Return a text whose lines end where cpp ends them; empty ones follow, so that line numbers stay."""
    lines, owed = [], 0
    for part in re.split(r"(?<=\n)", _SPLICE.sub("\0", text.replace("\0", ""))):
        owed += part.count("\0")
        line = part.replace("\0", "")
        if line.endswith("\n"):
            line += "\n" * owed
            owed = 0
        lines.append(line)
    return "".join(lines)


def _with_blank_comments(text: str, tokens: re.Pattern[str]) -> str:
    """Return a text with nothing in its comments, and everything in its place."""

    def blank(match: re.Match[str]) -> str:
        comment = match["comment"]
        if comment is None:
            return match[0]
        closing = "*/" if _CLOSED.fullmatch(comment) else ""
        return comment[:2] + _VISIBLE.sub(" ", comment[2 : len(comment) - len(closing)]) + closing

    return tokens.sub(blank, text)

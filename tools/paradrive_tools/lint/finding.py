# SPDX-License-Identifier: GPL-2.0-or-later
"""What the linter says of a tree, and where."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Severity(enum.Enum):
    """How bad a finding is, in a compiler's words."""

    ERROR = "error"
    WARNING = "warning"


class Location(NamedTuple):
    """A place in a file, lines and columns from 1; 0 where only the file is known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers])


class Finding(NamedTuple):
    """One finding: which rule, how bad, what, on which node ("" where it is about the whole tree)."""

    rule: str
    severity: Severity
    message: str
    location: Location
    node: str = ""
    hint: str = ""

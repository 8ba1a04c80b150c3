# SPDX-License-Identifier: GPL-2.0-or-later
"""What the linter says of a tree, and where."""

from __future__ import annotations

import enum
from typing import NamedTuple

from paradrive.host.inputs import MAX_SOURCE
from paradrive.host.printable import printable

#: Characters. Strings of a tree can be long, and so can what is said of them.
MAX_MESSAGE = 400


class Severity(enum.Enum):
    """How bad a finding is, in a compiler's words."""

    ERROR = "error"
    WARNING = "warning"


class Location(NamedTuple):
    """A place in a file, lines and columns from 1; 0 where only the file is known."""

    file: str
    line: int = 0
    column: int = 0

    def shown(self) -> Location:
        """Return the place with a name of its file that can be shown; sources say what they are called."""
        return self._replace(file=printable(self.file, MAX_SOURCE))

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

    def shown(self) -> Finding:
        """Return the finding in texts that can be shown; they quote the tree, dtc and the bindings."""
        return self._replace(
            rule=printable(self.rule),
            message=printable(self.message, MAX_MESSAGE),
            location=self.location.shown(),
            node=printable(self.node, MAX_SOURCE),
            hint=printable(self.hint),
        )

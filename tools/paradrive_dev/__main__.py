# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev COMMAND``: the tools behind ``make bench`` and ``make fidelity``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paradrive_dev.bench import command as bench
from paradrive_dev.fidelity import command as fidelity
from paradrive_tools import command_line
from paradrive_tools.process import as_process

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (bench, fidelity)


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one command line, by default that of the process, and return the exit status."""
    return as_process(lambda: _execute(sys.argv[1:])) if arguments is None else _execute(arguments)


def _execute(arguments: Sequence[str]) -> int:
    description = "Measure and check paradrive itself."
    return command_line.execute("paradrive_dev", description, COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())

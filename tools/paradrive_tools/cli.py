# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``paradrive``.

``exit_status`` has the exit statuses which its sub-commands share, the others are each sub-command's own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paradrive_tools import command_line
from paradrive_tools.devices import command as devices
from paradrive_tools.lint import command as lint
from paradrive_tools.process import as_process
from paradrive_tools.run import command as run

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (run, lint, devices)


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one command line, by default that of the process, and return the exit status."""
    return as_process(lambda: _execute(sys.argv[1:])) if arguments is None else _execute(arguments)


def _execute(arguments: Sequence[str]) -> int:
    description = "Run and check Linux drivers of paravirtual devices."
    return command_line.execute("paradrive", description, COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())

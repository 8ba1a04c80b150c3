# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``paradrive``.

Each sub-command is a module with ``add_command``, which adds the options and what executes them; it imports
what it works with only when it is executed, so that no command waits for the others.
``exit_status`` has the exit statuses which they share, the others are each sub-command's own.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from paradrive.host.printable import printable
from paradrive_tools import bench, exit_status, fidelity, run
from paradrive_tools.lint import command as lint
from paradrive_tools.process import as_process, with_status

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (run, lint, bench, fidelity)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """End with the message on standard error."""
        self.exit(exit_status.BAD_INPUT, f"paradrive: error: {printable(message)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one command line, by default that of the process, and return the exit status."""
    return as_process(lambda: _execute(sys.argv[1:])) if arguments is None else _execute(arguments)


def _execute(arguments: Sequence[str]) -> int:
    parser = OneLineParser(
        prog="paradrive", description="Run and check Linux drivers of paravirtual devices."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(subparsers)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:  # help has been printed, or what is wrong with an option
        return int(end.code or 0)
    return with_status(lambda: int(options.execute(options)))


if __name__ == "__main__":
    sys.exit(main())

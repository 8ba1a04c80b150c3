# SPDX-License-Identifier: GPL-2.0-or-later
"""A command line with sub-commands.

Each sub-command is a package whose module ``command`` has ``add_command``, which adds the options and what
executes them; it imports what it works with only when it is executed, so that no command waits for the
others.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from paradrive.host.printable import printable
from paradrive_tools import exit_status
from paradrive_tools.process import with_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Command(Protocol):
    """The module of a sub-command."""

    def add_command(self, commands: argparse._SubParsersAction[Any]) -> None:
        """Add the sub-command and its options, with the function that executes them as ``execute``."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """End with the message on standard error."""
        self.exit(exit_status.BAD_INPUT, f"paradrive: error: {printable(message)}\n")


def execute(program: str, description: str, commands: Iterable[Command], arguments: Sequence[str]) -> int:
    """Execute the sub-command which the arguments name, and return the exit status."""
    parser = OneLineParser(prog=program, description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        command.add_command(subparsers)

    def parse_and_execute() -> int:
        options = parser.parse_args(arguments)
        return int(options.execute(options))

    return with_status(parse_and_execute)

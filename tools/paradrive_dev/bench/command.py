# SPDX-License-Identifier: GPL-2.0-or-later
"""``make bench``: measure against QEMU, and the linter against dt-validate and dtc, in one session."""

from __future__ import annotations

import argparse

from paradrive_tools.options import natural

DEFAULT_RUNS = 7


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    command = commands.add_parser(
        "bench",
        help="measure against QEMU, dt-validate and dtc",
        description="Boot and compute in turn on this model and on QEMU, lint here and with dt-validate, "
        "and print the medians beside what they must be. The exit status is 0 however fast this machine is, "
        "2 when something is missing.",
    )
    command.set_defaults(execute=_execute)
    add = command.add_argument
    add(
        "--runs",
        type=number_of_runs,
        default=DEFAULT_RUNS,
        metavar="N",
        help=f"measure everything N times (default: {DEFAULT_RUNS})",
    )
    add("--json", metavar="FILE", help="where the figures go (default: build/bench.json)")


def number_of_runs(text: str) -> int:
    """Return a whole number from 1; ArgumentTypeError for anything else."""
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("at least one run is needed")
    return number


def _execute(options: argparse.Namespace) -> int:
    # Only now, so that no other sub-command waits for it.
    from paradrive_dev.bench.session import execute

    return execute(options.runs, options.json)

# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.bench``: measure everything in one session; writes build/bench.json."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from paradrive_dev.bench.session import execute
from paradrive_tools.command_line import OneLineParser
from paradrive_tools.options import natural
from paradrive_tools.process import as_process

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_RUNS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and return the exit status."""
    parser = OneLineParser(
        prog="bench",
        description="Boot and compute in turn on this model and on QEMU, lint here and with dt-validate, "
        "and print the medians beside what they must be. The exit status is 0 however fast this machine is, "
        "2 when something is missing.",
    )
    parser.add_argument(
        "--runs",
        type=number_of_runs,
        default=DEFAULT_RUNS,
        metavar="N",
        help=f"measure everything N times (default: {DEFAULT_RUNS})",
    )
    parser.add_argument("--json", metavar="FILE", help="where the figures go (default: build/bench.json)")
    options = parser.parse_args(arguments)
    return execute(options.runs, options.json)


def number_of_runs(text: str) -> int:
    """Return a whole number from 1; ArgumentTypeError for anything else."""
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("at least one run is needed")
    return number


if __name__ == "__main__":
    sys.exit(as_process(main))

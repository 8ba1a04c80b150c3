# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.fidelity``: compare everything with QEMU; writes build/fidelity.json."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paradrive.cpu.models import CPU_MODELS
from paradrive_dev.fidelity.session import execute
from paradrive_tools.command_line import OneLineParser
from paradrive_tools.options import natural
from paradrive_tools.process import as_process

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CASES = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and return the exit status."""
    parser = OneLineParser(
        prog="fidelity",
        description="Execute cases of every user-mode instruction on QEMU's user mode emulation and on both "
        "engines of the model, and compare the registers and the memory that they leave. What is "
        "finished is kept in build/fidelity and not executed again. The exit status is 1 when a mismatch "
        "has no explanation, 2 when something is missing.",
    )
    parser.add_argument(
        "--cases",
        type=natural,
        default=DEFAULT_CASES,
        metavar="N",
        help=f"cases of each instruction (default: {DEFAULT_CASES})",
    )
    parser.add_argument("--cpu", choices=sorted(CPU_MODELS), help="compare only this CPU (default: all)")
    parser.add_argument("--json", metavar="FILE", help="where the report goes (default: build/fidelity.json)")
    options = parser.parse_args(arguments)
    cores = [options.cpu] if options.cpu else sorted(CPU_MODELS)
    return execute(cores, options.cases, options.json)


if __name__ == "__main__":
    sys.exit(as_process(main))

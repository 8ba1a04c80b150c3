# SPDX-License-Identifier: GPL-2.0-or-later
"""``make fidelity``: compare every user-mode instruction of the model with QEMU's user mode emulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.models import CPU_MODELS
from paradrive_tools.options import natural

if TYPE_CHECKING:
    import argparse

DEFAULT_CASES = 10_000


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    command = commands.add_parser(
        "fidelity",
        help="compare every user-mode instruction with QEMU",
        description="Execute cases of every user-mode instruction on QEMU's user mode emulation and on both "
        "engines of the model, and compare the registers and the memory that they leave. What is "
        "finished is kept in build/fidelity and not executed again. The exit status is 1 when a mismatch "
        "has no explanation, 2 when something is missing.",
    )
    command.set_defaults(execute=_execute)
    add = command.add_argument
    add(
        "--cases",
        type=natural,
        default=DEFAULT_CASES,
        metavar="N",
        help=f"cases of each instruction (default: {DEFAULT_CASES})",
    )
    add("--cpu", choices=sorted(CPU_MODELS), help="compare only this CPU (default: all)")
    add("--json", metavar="FILE", help="where the report goes (default: build/fidelity.json)")


def _execute(options: argparse.Namespace) -> int:
    # Only now, so that no other sub-command waits for it.
    from paradrive_dev.fidelity.session import execute

    cores = [options.cpu] if options.cpu else sorted(CPU_MODELS)
    return execute(cores, options.cases, options.json)

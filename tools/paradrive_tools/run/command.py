# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run``: boot a machine with its console on the terminal, and say how it ended."""

from __future__ import annotations

import argparse

from paradrive.cpu.ports import PAGE_SIZE
from paradrive_tools import exit_status
from paradrive_tools.options import add_device_option, natural
from paradrive_tools.run.terms import (
    DEFAULT_RESET_LIMIT,
    EXIT_ENDED,
    EXIT_GUEST_CODE,
    EXIT_GUEST_CODE_LAST,
    EXIT_NO_PROGRESS,
    EXIT_PANICKED,
    EXIT_RESET_LIMIT,
    KEYS,
)

STATUSES = f"""\
exit status:
  {EXIT_ENDED}        the guest powered off through pvctl with exit code 0, or, on an mpc8544ds, reset itself
  {EXIT_GUEST_CODE + 1}..{EXIT_GUEST_CODE_LAST}  the guest powered off with another exit code: \
{EXIT_GUEST_CODE} + code, {EXIT_GUEST_CODE_LAST} for all from {EXIT_GUEST_CODE_LAST - EXIT_GUEST_CODE}
  {exit_status.BAD_INPUT}        a file or an option cannot be used, or an output cannot be written
  {EXIT_RESET_LIMIT}        the guest wanted to reset itself more often than --reset-limit allows
  {EXIT_PANICKED}        the guest's kernel panicked
  {EXIT_NO_PROGRESS}        no progress: --max-instructions executed, or idle without anything to wait for
  {exit_status.INTERRUPTED}      interrupted: Ctrl-C, or Ctrl-a x
  129, 131, 143  interrupted by SIGHUP, SIGQUIT, SIGTERM

SIGUSR1 resets the machine.
"""

#: More than 200 boots; the compiled engine takes some seconds for it.
DEFAULT_BUDGET = 2_000_000_000
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    command = commands.add_parser(
        "run",
        help="boot a guest and run it to its end",
        description="Boot a guest with its console on the terminal. For --kernel, --initrd and --dtb "
        "the project's own guest stands in, which is built first if need be.",
        epilog=f"{STATUSES}\n{KEYS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(execute=_execute)
    add = command.add_argument
    add("--machine", metavar="NAME", help="ppce500 (default) or mpc8544ds")
    add("--cpu", metavar="NAME", help="e500v2 (default) or e500mc")
    add("--memory", type=memory_size, metavar="SIZE", help="RAM, such as 128M; default: as the tree says")
    add("--kernel", metavar="FILE", help="vmlinux, an ELF file")
    add("--initrd", metavar="FILE", help="initial RAM disk or initramfs")
    add("--dtb", metavar="FILE", help="flattened device tree")
    add("--append", metavar="ARGUMENTS", help="kernel arguments; default: as the tree says")
    add("--engine", choices=("compiled", "reference"), default="compiled", help="default: compiled")
    add(
        "--max-instructions",
        type=natural,
        default=DEFAULT_BUDGET,
        metavar="N",
        help=f"give up after N instructions (default: {DEFAULT_BUDGET}); as long as standard input is open, "
        "they count from the last byte on the console",
    )
    add(
        "--reset-limit",
        type=natural,
        metavar="N",
        help=f"let the guest reset itself N times (default: {DEFAULT_RESET_LIMIT}; mpc8544ds, which has no "
        "other way to end: 0)",
    )
    add(
        "--on-panic",
        choices=("end", "reset", "continue"),
        default="end",
        help="when the guest's kernel panics: end the run (default), reset the machine, or let it run on; a "
        "reset after a panic counts for --reset-limit",
    )
    add(
        "--save",
        metavar="FILE",
        help="save the guest when the run ends (by a signal, too), or at --save-at",
    )
    add(
        "--save-at",
        type=natural,
        metavar="N",
        help="save the guest when it has executed N instructions since it was powered on, and run on",
    )
    add("--load", metavar="FILE", help="continue a saved guest, which brings its kernel and machine with it")
    add_device_option(command)
    add("--trace-mmio", metavar="FILE", help="write a line for each access to a device")
    add("--json", metavar="FILE", help="write a report of the run")


def _execute(options: argparse.Namespace) -> int:
    # Only now, so that no other sub-command waits for it.
    from paradrive_tools.run.session import execute

    return execute(options)


def memory_size(text: str) -> int:
    """Return a size in bytes, a multiple of the page size; K, M and G stand for powers of 1024."""
    unit = _UNITS.get(text[-1:].upper(), 1)
    size = natural(text[:-1] if unit > 1 else text) * unit
    if size == 0 or size % PAGE_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of whole pages of {PAGE_SIZE} bytes")
    return size

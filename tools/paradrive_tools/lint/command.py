# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive lint``: what is wrong with device trees, and what the kernel will do with their devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools import exit_status
from paradrive_tools.lint.terms import EXIT_FINDINGS
from paradrive_tools.options import DEFAULT_CPU, add_device_option

if TYPE_CHECKING:
    import argparse

STATUSES = f"""\
exit status:
  0  nothing is wrong
  {EXIT_FINDINGS}  there are findings
  {exit_status.BAD_INPUT}  a file or an option cannot be used; the trees that can be are linted nevertheless
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    import argparse

    command = commands.add_parser(
        "lint",
        help="check device trees, and predict which drivers bind",
        description="Check device trees with dtc, with the bindings and with rules that reason as the "
        "kernel does, and predict what the kernel will do with each paravirtual device.",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(execute=_execute)
    add = command.add_argument
    add("trees", nargs="*", metavar="TREE", help="a device tree: source (.dts) or blob (.dtb)")
    add(
        *("-I", "--include"),
        action="append",
        default=[],
        metavar="DIR",
        help="a directory that sources may include files from, besides their own; any number of times",
    )
    add("--module", metavar="FILE", help="the driver, a .ko file: check it against the trees")
    add("--config", metavar="FILE", help="a kernel's .config: check that the driver can be enabled in it")
    add(
        "--machine",
        metavar="NAME",
        help="ppce500 or mpc8544ds; default: as the tree says",
    )
    add(
        "--cpu",
        default=DEFAULT_CPU,
        metavar="NAME",
        help="e500v2 (default) or e500mc; for --module and --config",
    )
    add_device_option(command)
    add("--format", choices=("text", "json", "sarif"), default="text", help="default: text")
    add("--explain", metavar="RULE", help="print the page of a rule")
    add("--list-rules", action="store_true", help="list all rules")


def _execute(options: argparse.Namespace) -> int:
    from paradrive_tools.lint.session import execute

    return execute(options)

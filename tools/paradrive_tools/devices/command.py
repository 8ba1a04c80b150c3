# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive devices``: print what device classes declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    command = commands.add_parser(
        "devices",
        help="document device classes",
        description="Print the register maps of device classes, and what else they declare, in Markdown.",
    )
    command.set_defaults(execute=_execute)
    command.add_argument(
        "classes",
        nargs="+",
        metavar="MODULE:CLASS",
        help="a class of devices, as python -m finds modules",
    )


def _execute(options: argparse.Namespace) -> int:
    import sys
    from pathlib import Path

    from paradrive.devices.description import section
    from paradrive.machine.named_models import device_class

    sys.path.insert(0, str(Path.cwd()))
    sections = [section(device_class(name, name)) for name in options.classes]
    print("\n".join(sections), end="")
    return 0

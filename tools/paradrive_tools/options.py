# SPDX-License-Identifier: GPL-2.0-or-later
"""What options of several commands have in common: the default machine, numbers, devices of the user's."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.machine.device_models import Model

DEFAULT_MACHINE, DEFAULT_CPU = "ppce500", "e500v2"


def natural(text: str) -> int:
    """Return a whole number from 0; ArgumentTypeError for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)


def add_device_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names device models of the user's own."""
    command.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="[KEY=]MODULE:CLASS",
        help="a device of your own, as python -m finds modules; it models what the class is compatible with, "
        "or KEY: a compatible string, a node's path, alias or paradrive,model; any number of times",
    )


def device_models(options: argparse.Namespace) -> dict[str, Model]:
    """Return the models that the option names; InputError where there is no such class of devices."""
    if not options.device:
        return {}
    from pathlib import Path

    from paradrive.machine.named_models import named_models

    return named_models(options.device, "--device", str(Path.cwd()))

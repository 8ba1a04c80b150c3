# SPDX-License-Identifier: GPL-2.0-or-later
"""What options of several commands have in common: the default machine, and numbers."""

from __future__ import annotations

import argparse

DEFAULT_MACHINE, DEFAULT_CPU = "ppce500", "e500v2"


def natural(text: str) -> int:
    """Return a whole number from 0; ArgumentTypeError for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line for the tests of the tools."""

from __future__ import annotations

from run_command import files, no_input, run

__all__ = ["files", "no_input", "run"]

# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds what a machine boots: guest kernel, driver, initramfs and device trees.

`ensure_guest` is the way in. Nothing that is still fresh is built again; to find that out takes a few
milliseconds, so that every run and every test session may ask.
"""

from __future__ import annotations

from paradrive_tools.guest_build.driver import Driver
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.guest import CPUS, GuestFiles, ensure_guest

__all__ = ["CPUS", "BuildError", "Driver", "GuestFiles", "ensure_guest"]

# SPDX-License-Identifier: GPL-2.0-or-later
"""The small programs that tests run in the guest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.configuration import KernelConfiguration
from paradrive_tools.guest_build.initramfs import ensure_program

if TYPE_CHECKING:
    from paradrive.testing.guest import GuestFiles

SOURCES = Path(__file__).parent / "userland"


def program(name: str, guest_files: GuestFiles, *fragments: str) -> bytes:
    """Return the program of this name, built for the guest whose kernel has these ``fragments``."""
    configuration = KernelConfiguration("e500v2", fragments)
    kernel = guest_files.kernel.parent
    return ensure_program(configuration.name, kernel, SOURCES / f"{name}.c").read_bytes()

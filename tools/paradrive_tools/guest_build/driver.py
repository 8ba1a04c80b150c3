# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's module, built by Kbuild out of tree as anybody else would build it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.command import run
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.kernel import KBUILD_ARGUMENTS
from paradrive_tools.guest_build.paths import BUILD, DRIVER_SOURCES

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "pvctl.ko"


def ensure_module(cpu: str, kernel: Path) -> Path:
    """Return pvctl.ko for the kernel in the directory ``kernel``, building it if need be."""
    directory = BUILD / cpu / "driver"
    sources = driver_sources()

    def build() -> None:
        copy_sources(directory)
        make_driver(directory, kernel)

    refresh(directory / MODULE, (*sources, kernel.resolve() / "Module.symvers"), build)
    return directory / MODULE


def driver_sources() -> list[Path]:
    """Return what Kbuild needs of guest-driver/, sorted by name."""
    return sorted(
        path for path in DRIVER_SOURCES.iterdir() if path.suffix in (".c", ".h") or path.name == "Makefile"
    )


def copy_sources(directory: Path) -> None:
    """Copy the driver's sources to ``directory``: Kbuild writes its results beside them."""
    directory.mkdir(parents=True, exist_ok=True)
    for source in driver_sources():
        shutil.copy2(source, directory)


def make_driver(directory: Path, kernel: Path, *arguments: str) -> str:
    """Run the driver's Makefile in ``directory`` and return what it printed."""
    command = ["make", "-C", str(directory), f"KDIR={kernel.resolve()}", *KBUILD_ARGUMENTS, *arguments]
    return run(command, purpose="the driver")

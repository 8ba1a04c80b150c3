# SPDX-License-Identifier: GPL-2.0-or-later
"""The modules of drivers, built by Kbuild out of tree as anybody else would build them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.kernel import KBUILD_ARGUMENTS
from paradrive_tools.guest_build.paths import BUILD, DRIVER_SOURCES
from paradrive_tools.guest_build.tools import CROSS_COMPILER, STRIP, run, tool

#: What a Makefile of Kbuild is made of, and what it compiles; not what Kbuild itself writes there.
_SOURCE = re.compile(r"(Makefile|Kbuild|.+\.(mk|c|h|S|inc))(?<!\.mod\.c)")
#: More files than the largest drivers have: somebody has named a directory with much else in it.
_MAX_FILES = 2000


class Driver(NamedTuple):
    """A driver's directory, and the file name of the module that its Makefile makes there.

    The Makefile gets the kernel in KDIR, as ``guest-driver/Makefile`` does; what it compiles lies beside
    it or in directories below it.
    """

    sources: Path
    module: str

    def files(self) -> list[Path]:
        """Return what Kbuild needs of the directory, sorted by name; BuildError without a Makefile."""
        makefile = self.sources / "Makefile"
        if not makefile.is_file():
            raise BuildError(f"cannot build {self.module}: there is no {makefile}")
        found: list[Path] = []
        for directory, below, names in os.walk(self.sources):
            below[:] = [name for name in below if not name.startswith(".")]
            found += [Path(directory, name) for name in names if _is_source(Path(directory, name))]
            if len(found) > _MAX_FILES:
                raise BuildError(
                    f"cannot build {self.module}: {self.sources} has more than {_MAX_FILES} files"
                )
        return sorted(found)

    def copy(self, directory: Path) -> None:
        """Copy the sources to ``directory``: Kbuild writes its results beside them."""
        for file in self.files():
            copy = directory / file.relative_to(self.sources)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)

    def make(self, directory: Path, kernel: Path, *arguments: str) -> str:
        """Run the Makefile that has been copied to ``directory``, and return what it printed."""
        command = ["make", f"KDIR={kernel.resolve()}", *KBUILD_ARGUMENTS, *arguments]
        return run(command, purpose=self.module, directory=directory)


def _is_source(file: Path) -> bool:
    return _SOURCE.fullmatch(file.name) is not None and not file.name.startswith(".") and file.is_file()


#: The project's own driver.
PVCTL = Driver(DRIVER_SOURCES, "pvctl.ko")


class Module(NamedTuple):
    """A driver's module: with debugging information for the host, and without it for the guest to load."""

    file: Path
    stripped: Path


def ensure_module(configuration: str, kernel: Path, driver: Driver) -> Module:
    """Return the driver's module for the kernel in the directory ``kernel``, building it if need be.

    ``configuration`` is the kernel's name.
    """
    directory = BUILD / configuration / "drivers" / driver.module.removesuffix(".ko")
    module = Module(directory / driver.module, directory / "stripped" / driver.module)

    def build() -> None:
        # What was there, such as a header that has been removed, must not be compiled any more.
        shutil.rmtree(directory, ignore_errors=True)
        driver.copy(directory)
        # As the kernel's configuration has no debugging information, Kbuild would leave it out.
        driver.make(directory, kernel, "KCFLAGS=-g")
        if not module.file.is_file():
            raise BuildError(f"the Makefile in {driver.sources} makes no {driver.module}")

    def strip() -> None:
        run([STRIP, "--strip-debug", "-o", str(module.stripped), str(module.file)], purpose=driver.module)

    # This file is an input too: it says how Kbuild is called.
    symbols = kernel.resolve() / "Module.symvers"
    refresh(module.file, (*driver.files(), symbols, tool(CROSS_COMPILER), Path(__file__)), build)
    refresh(module.stripped, (module.file, tool(STRIP)), strip)
    return module

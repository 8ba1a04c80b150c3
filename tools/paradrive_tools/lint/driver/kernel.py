# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that has been built: what it offers to modules, and the drivers that it has within.

Source: Linux 6.12, include/linux/vermagic.h, Documentation/kbuild/modules.rst (Module.symvers).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.elf_file import ElfFile
from paradrive.host.inputs import InputError, read_input
from paradrive_tools.lint.driver.platform_drivers import platform_drivers

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive_tools.lint.driver.platform_drivers import PlatformDriver

_MAX_SYMVERS_SIZE = 1 << 24


class Export(NamedTuple):
    """A symbol for modules: its type's checksum (0 without MODVERSIONS), who may use it, its namespace."""

    checksum: int
    is_gpl_only: bool
    namespace: str


class Kernel:
    """The kernel in ``directory``, as ``guest_build.kernel`` leaves it there; files are read when asked for.

    Raises InputError where one of them cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def exports(self) -> dict[str, Export]:
        """What the kernel and its modules offer to modules, by name."""
        lines = read_input(str(self.directory / "Module.symvers"), _MAX_SYMVERS_SIZE).decode().splitlines()
        fields = [line.split("\t") for line in lines]
        return {
            name: Export(int(checksum, 16), kind == "EXPORT_SYMBOL_GPL", namespace)
            for checksum, name, _, kind, namespace in fields
        }

    @cached_property
    def vermagic(self) -> str:
        """What the kernel compares with a module's vermagic."""
        symbol = self._image.symbol_named("vermagic")
        if symbol is None:
            raise InputError(self._image.path, "has no version magic")
        return self._image.string(symbol.place)

    @cached_property
    def drivers(self) -> tuple[PlatformDriver, ...]:
        """The built-in platform drivers, which see each device before any module is loaded."""
        return platform_drivers(self._image)

    @cached_property
    def _image(self) -> ElfFile:
        return ElfFile.from_file(str(self.directory / "vmlinux"))

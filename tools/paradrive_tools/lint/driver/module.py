# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel module: what it says of itself, what it asks of the kernel, and which nodes its driver is for.

Source: Linux 6.12, kernel/module/main.c, include/linux/module.h.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

from paradrive.guest.elf_file import E500, ElfFile
from paradrive.host.inputs import InputError
from paradrive_tools.lint.driver.aliases import OF_PREFIX, compatible_of, is_alias_of
from paradrive_tools.lint.driver.platform_drivers import platform_drivers
from paradrive_tools.lint.finding import Location

if TYPE_CHECKING:
    from paradrive.devicetree.node import Node

#: Without it, the kernel says that there is no module in the file.
_THIS_MODULE = ".gnu.linkonce.this_module"
#: More would only make a hostile module slow to compare.
_MAX_INFORMATION = 1 << 20
_MAX_ALIASES, _MAX_ALIAS = 1024, 500
#: struct modversion_info: the checksum of a symbol's type, and its name.
_VERSION = struct.Struct(">I60s")
#: include/linux/license.h
_GPL_COMPATIBLE = {
    "GPL",
    "GPL v2",
    "GPL and additional rights",
    "Dual BSD/GPL",
    "Dual MIT/GPL",
    "Dual MPL/GPL",
}


class Module:
    """A module in the file ``path``; InputError unless it is one in good order, for whatever machine."""

    def __init__(self, path: str) -> None:
        self.location = Location(path)
        self._file = ElfFile.from_file(path)
        information = self._file.section(".modinfo")
        if information is None or self._file.section(_THIS_MODULE) is None:
            raise InputError(path, f"is not a kernel module: it has no .modinfo or no {_THIS_MODULE}")
        if len(information) > _MAX_INFORMATION:
            raise InputError(path, f"has a .modinfo of more than {_MAX_INFORMATION} bytes")
        self._information = [
            field.partition("=")[::2] for field in information.decode("latin-1").split("\0") if field
        ]
        aliases = [alias for alias in self._all("alias") if alias.startswith(OF_PREFIX)]
        if len(aliases) > _MAX_ALIASES or any(len(alias) > _MAX_ALIAS for alias in aliases):
            raise InputError(path, f"has more than {_MAX_ALIASES} aliases, or one of over {_MAX_ALIAS} bytes")
        #: Those for nodes of a device tree.
        self.aliases = aliases
        self.machine = self._file.machine
        self.drivers = platform_drivers(self._file)

    def _all(self, tag: str) -> list[str]:
        return [value for name, value in self._information if name == tag]

    @property
    def is_for_guest(self) -> bool:
        """Whether it was compiled for a machine like the guest's."""
        return self.machine == E500

    @property
    def vermagic(self) -> str:
        """The kernel that it was compiled for: its release and what else has to be alike."""
        return next(iter(self._all("vermagic")), "")

    @property
    def license(self) -> str:
        """What MODULE_LICENSE() says, "" without it."""
        return next(iter(self._all("license")), "")

    @property
    def may_use_gpl_only(self) -> bool:
        """Whether the kernel lets it use what is exported with EXPORT_SYMBOL_GPL()."""
        return all(name in _GPL_COMPATIBLE for name in self._all("license") or [""])

    @property
    def imported_namespaces(self) -> set[str]:
        """What MODULE_IMPORT_NS() says."""
        return set(self._all("import_ns"))

    @cached_property
    def undefined(self) -> list[str]:
        """The names of the symbols which it needs of the kernel or of other modules."""
        return sorted(set(self._file.undefined()))

    @cached_property
    def versions(self) -> dict[str, int]:
        """The checksums of the symbols that it was compiled with, none without MODVERSIONS."""
        table = self._file.section("__versions") or b""
        entries = _VERSION.iter_unpack(table[: len(table) // _VERSION.size * _VERSION.size])
        return {name.partition(b"\0")[0].decode("latin-1"): checksum for checksum, name in entries}

    @property
    def compatible(self) -> list[str]:
        """The ``compatible`` strings that its driver is for, in no order."""
        of_drivers = {match.compatible for driver in self.drivers for match in driver.table}
        return sorted((of_drivers | {compatible_of(alias) for alias in self.aliases}) - {""})

    def takes(self, node: Node) -> bool:
        """Tell whether a driver in it matches the node, once it is loaded.

        That is for the drivers' own tables to say, as for the kernel; where none is found in the file (its
        symbols are stripped, or it is for another machine), the aliases stand in.
        """
        if self.drivers:
            return any(driver.takes(node) for driver in self.drivers)
        return self.is_loaded_for(node)

    def is_loaded_for(self, node: Node) -> bool:
        """Tell whether userland (udev, modprobe) loads it for the node by itself."""
        return is_alias_of(self.aliases, node)

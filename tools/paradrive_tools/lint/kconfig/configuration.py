# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's configuration: what a .config says, what Kconfig makes of it, and what keeps the driver out.

The file is data: it is read line by line and never run. Source: Linux 6.12,
Documentation/kbuild/kconfig.rst, include/linux/vermagic.h.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.inputs import InputError, read_input
from paradrive_tools.lint.finding import Location
from paradrive_tools.lint.kconfig.tree import ARCHITECTURE, kconfig_tree
from paradrive_tools.lint.kconfig.unmet import Unmet, unmet_dependencies

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: allmodconfig makes 0.3 MB.
MAX_CONFIGURATION_SIZE = 1 << 22
_SETTING = re.compile(r"CONFIG_(\w+)=.*|# CONFIG_(\w+) is not set")
_HEADER = re.compile(r"# Linux/(\w+) (\S+) Kernel Configuration")
#: The words of the version magic by the option that adds them, in their order.
_MAGIC_WORDS = {
    "SMP": "SMP",
    "PREEMPT_BUILD": "preempt",
    "MODULE_UNLOAD": "mod_unload",
    "MODVERSIONS": "modversions",
    "RELOCATABLE": "relocatable",
}


class Configuration(NamedTuple):
    """A .config after Kconfig has evaluated it; option names are without ``CONFIG_``."""

    location: Location
    architecture: str
    version: str
    driver_option: str
    values: Mapping[str, str]
    unmet: tuple[Unmet, ...]
    lines: Mapping[str, int]

    def locate(self, option: str) -> Location:
        """Return the line that sets an option, the file alone where none does."""
        return self.location._replace(line=self.lines.get(option, 0))

    def is_enabled(self, option: str) -> bool:
        """Tell whether an option is y or m."""
        return self.values.get(option, "n") in ("y", "m")

    @property
    def is_for_guest(self) -> bool:
        """Whether it is for the architecture of the guests, as far as the file tells."""
        return self.architecture in ("", ARCHITECTURE)

    @property
    def release(self) -> str:
        """What ``uname -r`` prints on its kernel, "" where the file does not tell."""
        if not self.version or self.is_enabled("LOCALVERSION_AUTO"):
            return ""
        return self.version + self.values.get("LOCALVERSION", "")

    @property
    def vermagic_words(self) -> list[str]:
        """The words of the version magic after the release, which modules for its kernel have."""
        return [word for option, word in _MAGIC_WORDS.items() if self.is_enabled(option)]


def read_configuration(path: str, kernel: Path) -> Configuration:
    """Read a .config, to be understood by the Kconfig files of the kernel in this directory.

    Raises InputError when the file is none, BuildError when the Kconfig files cannot be read.
    """
    text = _read_text(path)
    lines = _lines_of_options(path, text)
    header = _HEADER.search(text)
    tree = kconfig_tree(kernel)
    tree.load(text)
    option = tree.driver_option
    return Configuration(
        Location(path),
        header[1] if header else "",
        header[2] if header else "",
        option.name,
        {symbol.name: symbol.str_value for symbol in tree.unique_defined_syms},
        tuple(unmet_dependencies(option)),
        lines,
    )


def _read_text(path: str) -> str:
    try:
        return read_input(path, MAX_CONFIGURATION_SIZE).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(path, "is not a kernel configuration: it is not text") from None


def _lines_of_options(path: str, text: str) -> dict[str, int]:
    """Return the line on which each option is set; the last one counts, as for Kconfig."""
    lines = {}
    for number, line in enumerate(text.split("\n"), start=1):
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            lines[setting[1] or setting[2]] = number
        elif line and not line.startswith("#"):
            reason = f"is not a kernel configuration: line {number} is neither a setting nor a comment"
            raise InputError(path, reason)
    if not lines:
        raise InputError(path, "is not a kernel configuration: it sets nothing")
    return lines

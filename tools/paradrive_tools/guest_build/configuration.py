# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest kernel is configured from: its source, its CPU's fragment, and further ones by name.

A fragment is a file of settings in ``guest-driver/kernel``, in the form of Kconfig's ``.config``. Of two
settings of one symbol the later one holds, so that a fragment may replace what an earlier one says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.paths import BUILD, KERNEL_CONFIGURATIONS
from paradrive_tools.guest_build.source import LINUX_6_12, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

_ON = re.compile(r"CONFIG_(\w+)=(.+)")
_OFF = re.compile(r"# CONFIG_(\w+) is not set")


@dataclass(frozen=True)
class KernelConfiguration:
    """One kernel: for ``cpu``, with these fragments on top of the CPU's, from ``source``.

    A fragment NAME is the file NAME.config. It may have parts for one CPU (NAME.e500v2.config), and for one
    source by the name of its own fragment (NAME.linux-6.1.config).
    """

    cpu: str
    fragments: tuple[str, ...] = ()
    source: Source = LINUX_6_12

    @property
    def name(self) -> str:
        """Its name in directories: the CPU's alone for the default kernel."""
        source = () if self.source == LINUX_6_12 else (self.source.package.removeprefix("linux-source-"),)
        return "-".join((self.cpu, *source, *(name.replace("/", "-") for name in self.fragments)))

    @property
    def directory(self) -> Path:
        """Where what is built for this kernel lies."""
        return BUILD / self.name

    def files(self) -> list[Path]:
        """Return its fragments, in the order in which they are applied; BuildError when one is missing."""
        files = []
        for name in (self.cpu, *self.source.fragments, *self.fragments):
            own = KERNEL_CONFIGURATIONS / f"{name}.config"
            if not own.is_file():
                raise BuildError(f"there is no fragment {own} of the kernel's configuration")
            parts = [own.with_name(f"{own.stem}.{of}.config") for of in (self.cpu, *self.source.fragments)]
            files += [own, *filter(Path.is_file, parts)]
        return files

    def settings(self) -> list[Setting]:
        """Return what the fragments say, each symbol once. Raises BuildError as ``read_settings``."""
        return read_settings(self.files())


class Setting(NamedTuple):
    """What a fragment says of a symbol; ``value`` as Kconfig writes it, "n" for one that is not set."""

    symbol: str
    value: str
    fragment: Path

    @property
    def line(self) -> str:
        """The setting as Kconfig writes it."""
        if self.value == "n":
            return f"# CONFIG_{self.symbol} is not set"
        return f"CONFIG_{self.symbol}={self.value}"


def read_settings(fragments: Iterable[Path]) -> list[Setting]:
    """Return the settings of these files, the last one of each symbol at the place of its first.

    Raises BuildError for a line that is neither a setting nor a comment.
    """
    settings: dict[str, Setting] = {}
    for fragment in fragments:
        for line in fragment.read_text(encoding="utf-8").splitlines():
            if match := _ON.fullmatch(line):
                symbol, value = match.groups()
            elif match := _OFF.fullmatch(line):
                symbol, value = match[1], "n"
            elif not line or line.startswith("#"):
                continue
            else:
                raise BuildError(f"{fragment}: {line!r} is no setting of the kernel's configuration")
            settings[symbol] = Setting(symbol, value, fragment)
    return list(settings.values())


def check_settings(fragments: Iterable[Path], configured: Path) -> None:
    """Raise BuildError unless the file ``configured`` has each setting of ``fragments``.

    Kconfig drops silently what depends on another symbol, and selects what others need.
    """
    in_effect = {setting.symbol: setting.value for setting in read_settings([configured])}
    dropped = [
        setting
        for setting in read_settings(fragments)
        # Kconfig does not write symbols that are out of reach, which are not set.
        if in_effect.get(setting.symbol, "n") != setting.value
    ]
    if dropped:
        lines = ", ".join(setting.line for setting in dropped)
        raise BuildError(f"{dropped[0].fragment}: the kernel's configuration does not take {lines}")

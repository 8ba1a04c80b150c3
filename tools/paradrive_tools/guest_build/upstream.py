# SPDX-License-Identifier: GPL-2.0-or-later
"""Where pvctl has its place in Linux's own source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.paths import DRIVER_SOURCES

if TYPE_CHECKING:
    from pathlib import Path

#: Path in the kernel's source.
RESET_DRIVERS = "drivers/power/reset"


class Insertion(NamedTuple):
    """Lines that go into a file of the kernel, before the line that begins with ``before``."""

    path: str
    before: str
    text: str

    def make(self, tree: Path) -> None:
        """Insert the lines; BuildError unless there is one such line."""
        file = tree / self.path
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.startswith(self.before)]
        if len(places) != 1:
            raise BuildError(f"{self.path}: {len(places)} lines begin with {self.before!r} instead of one")
        lines.insert(places[0], self.text)
        file.write_text("".join(lines), encoding="utf-8")


def driver_option() -> Insertion:
    """Return the driver's option among those of the kernel."""
    _, _, option = (DRIVER_SOURCES / "Kconfig").read_text(encoding="utf-8").partition("\n")
    return Insertion(f"{RESET_DRIVERS}/Kconfig", "config POWER_RESET_QNAP", f"{option}\n")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that need not be repeated: kept by all that they depend on, so that what was killed continues."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import paradrive
from paradrive.host.outputs import write_output
from paradrive_dev.suites.emulators import QEMU_OPTIONS, Run
from paradrive_tools.guest_build.tools import run as run_tool

if TYPE_CHECKING:
    from paradrive_dev.suites.guest import SuiteGuest

#: Of the model, what a guest's run depends on.
_LAYERS = ("host", "isa", "cpu", "devices", "machine")


@cache
def machine_version(machine: str) -> str:
    """Return what tells this machine from its other versions: QEMU's word, and the model's sources."""
    if machine == "qemu":
        version = run_tool(["qemu-system-ppc", "--version"], purpose="a comparison with QEMU")
        return f"{version} {QEMU_OPTIONS}"
    package = Path(paradrive.__file__).parent
    sources = sorted(path for layer in _LAYERS for path in (package / layer).rglob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


def run_key(guest: SuiteGuest, machine: str) -> str:
    """Return the key of this guest's run on this machine."""
    return hashlib.sha256(f"{guest.digest()} {machine} {machine_version(machine)}".encode()).hexdigest()


class Store:
    """The runs in ``directory``: of each suite and machine the last one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, suite: str, machine: str, key: str) -> Run | None:
        """Return the run with this key; None where there is none, or it cannot be read."""
        try:
            stored = json.loads(self._file(suite, machine).read_text(encoding="utf-8"))
            if stored["key"] != key:
                return None
            return Run(**stored["run"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, suite: str, machine: str, key: str, run: Run) -> None:
        """Keep a run, in place of the suite's last one on this machine."""
        file = self._file(suite, machine)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_output(str(file), [json.dumps({"key": key, "run": run._asdict()}, indent=1).encode()])

    def _file(self, suite: str, machine: str) -> Path:
        return self._directory / suite / f"{machine}.json"

# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a program of cases on QEMU's user mode emulation."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive_dev.fidelity.elf import executable
from paradrive_dev.fidelity.errors import FidelityError
from paradrive_dev.fidelity.layout import BASE

if TYPE_CHECKING:
    from paradrive_dev.fidelity.layout import Layout
    from paradrive_dev.fidelity.program import Program

QEMU, QEMU_PACKAGE = "qemu-ppc", "qemu-user"
#: Seconds after which QEMU is taken to hang.
_TIME_LIMIT = 300


@cache
def version() -> str:
    """Return what QEMU calls itself; FidelityError where it is missing."""
    if shutil.which(QEMU) is None:
        raise FidelityError(f"{QEMU} is not installed: install the Debian package {QEMU_PACKAGE}")
    return subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[
        0
    ]


def run_on_qemu(program: Program, layout: Layout, core: str) -> bytes:
    """Return the memory that the program leaves, from `BASE` to the layout's end.

    Raises FidelityError when QEMU is missing, or the program does not come to its end.
    """
    version()
    image = executable(program.memory, BASE, layout.stack_end - BASE, program.entry)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "cases.elf"
        path.write_bytes(image)
        path.chmod(0o700)
        try:
            done = subprocess.run(
                [QEMU, "-cpu", core, str(path)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FidelityError(f"{QEMU} did not end within {_TIME_LIMIT} s") from None
    if done.returncode != 0 or len(done.stdout) != layout.end - BASE:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise FidelityError(f"{QEMU} ended with status {done.returncode}: {last or 'not all was written'}")
    return done.stdout

# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the tools that build, with errors of one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive.host import bounded_process
from paradrive.host.printable import printable
from paradrive_tools.guest_build.cache import held_locks
from paradrive_tools.guest_build.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Cross compiler's prefix, as Kbuild's CROSS_COMPILE takes it.
CROSS_COMPILE = "powerpc-linux-gnu-"
CROSS_COMPILER = f"{CROSS_COMPILE}gcc"
STRIP = f"{CROSS_COMPILE}strip"

#: The Debian package of each tool that a message may have to name.
_PACKAGES = {
    CROSS_COMPILER: "gcc-powerpc-linux-gnu",
    STRIP: "binutils-powerpc-linux-gnu",
    "dpkg-query": "dpkg",
    "dtc": "device-tree-compiler",
    "make": "make",
    "sparse": "sparse",
    "tar": "tar",
}

#: How compilers, make, Kconfig and the system say why they stop.
_COMPLAINT = re.compile(r"\berror:|\*\*\*|can't open|no space left", re.IGNORECASE)


def _environment(directory: Path) -> dict[str, str]:
    """Return what tools may see: neither the outer make's variables nor the user's language or options.

    PWD is the ``directory`` where they run, as a shell would set it: Makefiles of modules say M=$(PWD), and
    without it they would make the modules of the kernel itself.
    """
    kept = ("HOME", "PATH", "TMPDIR")
    present = {name: os.environ[name] for name in kept if name in os.environ}
    return {"LC_ALL": "C", "PWD": str(directory.resolve()), **present}


def tool(name: str) -> Path:
    """Return the file of a tool, which is an input of all that it makes; its mere name if it is missing."""
    return Path(_which(name, os.environ.get("PATH")) or name)


@cache
def _which(name: str, path: str | None) -> str | None:
    """Look a tool up once: a guest has many parts, and several are made by the same one."""
    return shutil.which(name, path=path)


@contextmanager
def _missing_tool(tool: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        package = _PACKAGES.get(tool, tool)
        raise BuildError(f"{tool} is not installed: install the Debian package {package}") from error


def _start(command: Sequence[str], directory: Path) -> subprocess.Popen[str]:
    """Start a tool, which inherits the locks that are held: see ``held_locks``.

    Should this process die, the tool may tidy up, and ends with its children.
    """
    return bounded_process.start(
        command,
        bounded_process.UNLIMITED,
        environment=_environment(directory),
        grace=bounded_process.GRACE,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=held_locks(),
    )


@contextmanager
def _ended_on_error(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        bounded_process.end(process, grace=bounded_process.GRACE)
        raise


def run(command: Sequence[str], *, purpose: str, directory: Path = Path()) -> str:
    """Run a short command to its end and return everything that it printed.

    Raises BuildError, with ``purpose`` ("the driver") and the first complaint, when it fails.
    """
    with _missing_tool(command[0]):
        process = _start(command, directory)
        with process, _ended_on_error(process):
            output, _ = process.communicate()
    if process.returncode != 0:
        raise BuildError(f"cannot build {purpose}: {first_complaint(output.splitlines())}")
    return output


def run_logged(
    command: Sequence[str],
    *,
    purpose: str,
    directory: Path,
    log: Path,
    on_line: Callable[[str], None],
) -> None:
    """Run a long command, append its output to ``log`` and call ``on_line`` with each line of it.

    Raises BuildError that names the log when it fails.
    """
    with log.open("a", buffering=1, encoding="utf-8") as logged, _missing_tool(command[0]):
        process = _start(command, directory)
        complaints: list[str] = []
        with process, _ended_on_error(process):
            assert process.stdout is not None
            for line in process.stdout:
                logged.write(line)
                if _COMPLAINT.search(line):
                    complaints.append(line)
                on_line(line)
    if process.returncode != 0:
        raise BuildError(f"cannot build {purpose}: {first_complaint(complaints)} (all of it: {log})")


def first_complaint(lines: Sequence[str]) -> str:
    """Return the line that most likely tells why a tool failed."""
    chosen = next(filter(_COMPLAINT.search, lines), lines[-1] if lines else "no message")
    return printable(chosen.strip())

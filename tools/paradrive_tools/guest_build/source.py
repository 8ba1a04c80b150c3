# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's source, as Debian packages it: one archive, of which the unneeded half stays packed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from paradrive_tools.guest_build.command import run
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.progress import progress

SOURCE_PACKAGE = "linux-source-6.12"
SOURCE_ARCHIVE = Path("/usr/src") / f"{SOURCE_PACKAGE}.tar.xz"

#: Source that the guests' kernels never compile, more than half of it. Kconfig reads all of its files.
_NEVER_COMPILED = (
    "*/boot/dts/*.dts*",
    "*/arch/x86/*.[chS]",
    "*/arch/arm*/*.[chS]",
    "*/drivers/gpu/*.[ch]",
    "*/drivers/media/*.[ch]",
    "*/drivers/net/*.[ch]",
    "*/drivers/staging/*.[ch]",
    "*/sound/*.[ch]",
    "*/tools/perf/*",
    "*/tools/testing/*",
)
_DOCUMENTATION = ("*/Documentation/*/*",)


def source_version() -> str:
    """Return the version of the package; BuildError when it is not installed."""
    missing = f"the kernel's source is not installed: install the Debian package {SOURCE_PACKAGE}"
    if not SOURCE_ARCHIVE.exists():
        raise BuildError(missing)
    try:
        return run(
            ["dpkg-query", "-W", "-f", "${Version}", SOURCE_PACKAGE], purpose="the guest kernel"
        ).strip()
    except BuildError as error:
        raise BuildError(missing) from error


def unpack_source(directory: Path, *, keep_open: int | None = None, documentation: bool = False) -> None:
    """Unpack into ``directory`` what it takes to build a guest's kernel, and the documentation if wanted.

    The file descriptor ``keep_open`` is inherited by what unpacks. Raises BuildError when it fails.
    """
    omitted = _NEVER_COMPILED if documentation else _NEVER_COMPILED + _DOCUMENTATION
    excluded = [f"--exclude={pattern}" for pattern in omitted]
    command = ["tar", "-xJf", "-", "--strip-components=1", *excluded]
    inherited = () if keep_open is None else (keep_open,)
    size = SOURCE_ARCHIVE.stat().st_size
    with (
        progress("unpacking the kernel's source", size) as advance,
        SOURCE_ARCHIVE.open("rb") as archive,
        subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, pass_fds=inherited) as tar,
    ):
        assert tar.stdin is not None
        try:
            while block := archive.read(1 << 20):
                tar.stdin.write(block)
                advance(len(block))
        except BrokenPipeError:
            pass  # tar has said why, and its exit status tells
    if tar.returncode != 0:
        raise BuildError(f"cannot unpack {SOURCE_ARCHIVE}: tar failed")

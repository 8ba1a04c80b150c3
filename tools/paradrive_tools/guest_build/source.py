# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's source, as Debian packages it: one archive, of which the unneeded half stays packed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from paradrive.host.bounded_process import UNLIMITED, start
from paradrive_tools.guest_build.cache import held_locks
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.guest_build.tools import run


@dataclass(frozen=True)
class Source:
    """A package of the kernel's source, and the fragments that any kernel made from it takes first."""

    package: str
    fragments: tuple[str, ...] = ()

    @property
    def archive(self) -> Path:
        """The file that the package installs."""
        return Path("/usr/src") / f"{self.package}.tar.xz"


#: What guests boot unless told otherwise; tools/setup.sh installs it.
LINUX_6_12 = Source("linux-source-6.12")
#: The kernel of Debian 12, which is installed only by who asks for it.
LINUX_6_1 = Source("linux-source-6.1", fragments=("linux-6.1",))

#: Source that the guests' kernels never compile, more than half of it. Kconfig reads all of its files.
_NEVER_COMPILED = (
    "*/boot/dts/*.dts*",
    "*/arch/x86/*.[chS]",
    "*/arch/arm*/*.[chS]",
    "*/drivers/gpu/*.[ch]",
    "*/drivers/media/*.[ch]",
    # The loopback device is in the directory itself.
    "*/drivers/net/*/*.[ch]",
    "*/drivers/staging/*.[ch]",
    "*/sound/*.[ch]",
    "*/tools/perf/*",
    # What stands beside the directories is included by tests in lib/.
    "*/tools/testing/*/*/*",
)
_DOCUMENTATION = ("*/Documentation/*/*",)


def source_version(source: Source = LINUX_6_12) -> str:
    """Return the version of the package; BuildError when it is not installed."""
    missing = f"the kernel's source is not installed: install the Debian package {source.package}"
    if not source.archive.exists():
        raise BuildError(missing)
    try:
        return run(
            ["dpkg-query", "-W", "-f", "${Version}", source.package], purpose="the guest kernel"
        ).strip()
    except BuildError as error:
        raise BuildError(missing) from error


def unpack_source(
    directory: Path,
    *,
    source: Source = LINUX_6_12,
    documentation: bool = False,
) -> None:
    """Unpack into ``directory`` what it takes to build a guest's kernel, and the documentation if wanted.

    What unpacks inherits the locks that are held. Raises BuildError when it fails.
    """
    omitted = _NEVER_COMPILED if documentation else _NEVER_COMPILED + _DOCUMENTATION
    unpack(directory, source, *(f"--exclude={pattern}" for pattern in omitted))


def unpack(directory: Path, source: Source, *selection: str) -> None:
    """Unpack into ``directory`` what tar's options and patterns ``selection`` say; as ``unpack_source``."""
    command = ["tar", "-xJf", "-", "--strip-components=1", *selection]
    size = source.archive.stat().st_size
    with (
        progress("unpacking the kernel's source", size) as advance,
        source.archive.open("rb") as archive,
        start(command, UNLIMITED, cwd=directory, stdin=subprocess.PIPE, pass_fds=held_locks()) as tar,
    ):
        assert tar.stdin is not None
        try:
            while block := archive.read(1 << 20):
                tar.stdin.write(block)
                advance(len(block))
        except BrokenPipeError:
            pass  # tar has said why, and its exit status tells
    if tar.returncode != 0:
        raise BuildError(f"cannot unpack {source.archive}: tar failed")

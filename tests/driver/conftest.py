# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own guest, for tests that boot it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.initramfs import Entry, ensure_program, newc_archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

IDLE = "init: act=idle"
#: Ten boots.
MOST_INSTRUCTIONS = 100_000_000


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    guest = ensure_guest("e500v2")
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb)


@pytest.fixture
def boot_to_idle(boot: Callable[..., Guest]) -> Callable[..., Guest]:
    """Return what boots a guest up to where it has nothing more to do; parameters as of ``boot``."""

    def run(append: str = "", **options: object) -> Guest:
        guest = boot(append=f"act=idle {append}", **options)
        while IDLE not in guest.console and guest.machine.vcpu.instructions < MOST_INSTRUCTIONS:
            guest.run(500_000)
        assert IDLE in guest.console
        return guest

    return run


@pytest.fixture
def add_file(guest_files: GuestFiles, tmp_path: Path) -> Callable[[str, bytes], GuestFiles]:
    """Return what makes a guest with one more file, which may take the place of another."""

    def add(name: str, content: bytes) -> GuestFiles:
        # The kernel unpacks archives that stand one behind the other.
        addition = newc_archive([Entry(name, stat.S_IFREG | 0o755, content)])
        initrd = tmp_path / "initramfs.cpio"
        initrd.write_bytes(guest_files.initrd.read_bytes() + addition)
        return guest_files._replace(initrd=initrd)

    return add


@pytest.fixture
def files_of_guest(
    boot: Callable[..., Guest], guest_files: GuestFiles, add_file: Callable[[str, bytes], GuestFiles]
) -> Callable[..., list[str]]:
    """Return what boots a guest that works on files, given as files.c describes, and returns what it says.

    ``prepare``, where given, gets the guest before it runs.
    """
    program = ensure_program("e500v2", guest_files.kernel.parent, Path(__file__).with_name("files.c"))
    files = add_file("files", program.read_bytes())

    def run(*steps: str, prepare: Callable[[Guest], None] = lambda guest: None) -> list[str]:
        guest = boot(files, append=f"act=poweroff run=/files files={','.join(steps)}")
        prepare(guest)
        guest.run()
        assert "init: /files exited with 0" in guest.console
        prefix = "files: "
        return [line.removeprefix(prefix) for line in guest.console.splitlines() if line.startswith(prefix)]

    return run

# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that has the selftests in /selftests."""

from __future__ import annotations

import stat

import pytest

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.initramfs import Entry, ensure_program, newc_archive
from paradrive_tools.guest_build.paths import DRIVER_SOURCES


@pytest.fixture(scope="session")
def guest_files(tmp_path_factory: pytest.TempPathFactory) -> GuestFiles:
    guest = ensure_guest("e500v2")
    entries = [Entry("selftests", stat.S_IFDIR | 0o755)]
    for source in sorted((DRIVER_SOURCES / "selftests").glob("*.c")):
        program = ensure_program("e500v2", guest.kernel.parent, source)
        entries.append(Entry(f"selftests/{source.stem}", stat.S_IFREG | 0o755, program.read_bytes()))
    # The kernel unpacks archives that stand one behind the other.
    initrd = tmp_path_factory.mktemp("selftests") / "initramfs.cpio"
    initrd.write_bytes(guest.initrd.read_bytes() + newc_archive(entries))
    return GuestFiles(guest.kernel, initrd, guest.dtb, guest.modules)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the guest's userland, compiled against glibc, and guests that run them."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.initramfs import Entry, newc_archive
from paradrive_tools.guest_build.tools import CROSS_COMPILER

SOURCE = Path(__file__).with_name("floating_point.c")


@pytest.fixture(params=["e500mc", "e500v2"])
def cpu(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the hard-float program; it is the same one for every CPU."""
    path = tmp_path_factory.mktemp("userland") / "floating_point"
    # Without contraction only what is written as a fused operation is one.
    options = ["-O2", "-Wall", "-Werror", "-ffp-contract=off", "-static"]
    subprocess.run([CROSS_COMPILER, *options, SOURCE, "-o", path, "-lm"], check=True)
    return path


@pytest.fixture
def guest_files(cpu: str, program: Path, tmp_path: Path) -> GuestFiles:
    """Return the guest with /program added: the kernel unpacks archives that stand one behind the other."""
    guest = ensure_guest(cpu)
    addition = newc_archive([Entry("program", stat.S_IFREG | 0o755, program.read_bytes())])
    initrd = tmp_path / "initramfs.cpio"
    initrd.write_bytes(guest.initrd.read_bytes() + addition)
    return GuestFiles(guest.kernel, initrd, guest.dtb)

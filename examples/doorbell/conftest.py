# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest of this example: the project's kernel, with this driver and this device tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import Driver, ensure_guest
from paradrive_tools.guest_build.trees import compile_tree

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def guest_files(tmp_path_factory: pytest.TempPathFactory) -> GuestFiles:
    """Build what has changed since the last time."""
    guest = ensure_guest("e500v2", drivers=[Driver(HERE, "doorbell.ko")])
    tree = tmp_path_factory.mktemp("doorbell") / "doorbell.dtb"
    compile_tree(HERE / "doorbell.dts", tree)
    return GuestFiles(guest.kernel, guest.initrd, tree, guest.modules)

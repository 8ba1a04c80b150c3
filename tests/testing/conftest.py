# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own guest, for tests of the plugin."""

from __future__ import annotations

import pytest

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    guest = ensure_guest("e500v2")
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)

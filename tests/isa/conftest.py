# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's kernel for tests that look at its code, and a core for those that execute instructions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bare_core import core
from paradrive_tools.guest_build import BuildError, ensure_guest

__all__ = ["core"]


@pytest.fixture(scope="session")
def vmlinux() -> Path:
    """Return the guest kernel for the e500v2; skips where it cannot be built."""
    try:
        return Path(ensure_guest("e500v2").kernel)
    except BuildError as error:
        pytest.skip(f"no guest kernel: {error}")

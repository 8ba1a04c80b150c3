# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the builder finds its sources and leaves its results."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DRIVER_SOURCES = CHECKOUT / "guest-driver"
KERNEL_CONFIGURATIONS = DRIVER_SOURCES / "kernel"
USERLAND_SOURCES = DRIVER_SOURCES / "userland"
TREE_SOURCES = CHECKOUT / "dts"
BUILD = CHECKOUT / "build"


def cache_directory() -> Path:
    """Return the directory which clones share (XDG Base Directory Specification 0.8, XDG_CACHE_HOME)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "paradrive"

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the builder finds its sources and leaves its results."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DRIVER_SOURCES = CHECKOUT / "guest-driver"
KERNEL_CONFIGURATIONS = DRIVER_SOURCES / "kernel"
USERLAND_SOURCES = DRIVER_SOURCES / "userland"
TREE_SOURCES = CHECKOUT / "dts"
BUILD = CHECKOUT / "build"

# SPDX-License-Identifier: GPL-2.0-or-later
"""A core on each engine for the tests of the cpu layer."""

from __future__ import annotations

from bare_core import core

__all__ = ["core"]

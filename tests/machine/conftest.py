# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny guests for the tests of the machine layer."""

from __future__ import annotations

from program_guest import boot

__all__ = ["boot"]

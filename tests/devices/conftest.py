# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupt controllers, of one and of two CPUs, for the tests of the MPIC."""

from __future__ import annotations

from mpic_driver import pic, smp

__all__ = ["pic", "smp"]

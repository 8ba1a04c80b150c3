# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers, in modules and in the kernel, and what becomes of a tree's devices when they are probed."""

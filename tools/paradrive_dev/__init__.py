# SPDX-License-Identifier: GPL-2.0-or-later
"""Tools for those who develop paradrive itself: comparisons with QEMU, benchmarks, fuzzers, checks.

Each is executed as ``python -m paradrive_dev.NAME``, mostly by make. They are not installed with paradrive,
and nothing that is installed imports them.
"""

# SPDX-License-Identifier: GPL-2.0-or-later
"""Tools for those who develop paradrive itself: comparisons with QEMU, benchmarks, fuzzers, checks.

They are not installed with paradrive, and nothing that is imports them.
"""

# SPDX-License-Identifier: GPL-2.0-or-later
"""``make suites``: the kernel's own test suites, run on QEMU and on the model, and compared line by line."""

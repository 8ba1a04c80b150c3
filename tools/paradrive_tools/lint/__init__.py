# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive lint``: what is wrong with a device tree, and what the kernel will do with it."""

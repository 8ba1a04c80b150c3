# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's configuration: what Kconfig makes of it, and what keeps the driver out."""

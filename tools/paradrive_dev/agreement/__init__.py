# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the linter's predictions agree with what the kernel does."""

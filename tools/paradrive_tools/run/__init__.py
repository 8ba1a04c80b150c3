# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run``: a guest with its console on the terminal, and how it ended."""

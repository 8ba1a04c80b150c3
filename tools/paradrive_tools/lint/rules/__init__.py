# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own rules; each module declares some, and ``lint.all_rules`` imports them all."""

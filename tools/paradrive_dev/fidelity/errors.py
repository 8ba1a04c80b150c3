# SPDX-License-Identifier: GPL-2.0-or-later
"""What ends a comparison."""

from __future__ import annotations


class FidelityError(Exception):
    """Something cannot be compared; the message is one line for the user."""

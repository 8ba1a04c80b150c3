# SPDX-License-Identifier: GPL-2.0-or-later
"""The one error of the builder."""

from __future__ import annotations


class BuildError(Exception):
    """The guest cannot be built; the message is one line for the user."""

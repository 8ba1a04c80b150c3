# SPDX-License-Identifier: GPL-2.0-or-later
"""What the help of ``paradrive lint`` promises and a session keeps: the exit status."""

from __future__ import annotations

#: Something is wrong with a tree, with the module or with the configuration.
EXIT_FINDINGS = 1

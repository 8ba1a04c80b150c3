# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses which all sub-commands share."""

from __future__ import annotations

#: A file or an option cannot be used; one line on standard error says why.
BAD_INPUT = 2
#: The user ended the command with Ctrl-C: 128 + SIGINT, as a shell has it.
INTERRUPTED = 130

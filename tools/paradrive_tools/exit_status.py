# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses which all sub-commands share."""

from __future__ import annotations

import signal

#: A file or an option cannot be used; one line on standard error says why.
BAD_INPUT = 2


def of_signal(number: int) -> int:
    """Return the status of a command that a signal has ended, as a shell has it."""
    return 128 + number


#: The user ended the command with Ctrl-C.
INTERRUPTED = of_signal(signal.SIGINT)

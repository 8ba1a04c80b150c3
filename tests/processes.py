# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests want to know of processes that are not their own children."""

from __future__ import annotations

import os
import select

#: Seconds that the kernel may take to end what has been killed.
PATIENCE = 10.0


def wait_until_gone(number: int) -> None:
    """Return when there is no such process any more; fail when it stays."""
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ended, f"process {number} lives on"
    finally:
        os.close(descriptor)

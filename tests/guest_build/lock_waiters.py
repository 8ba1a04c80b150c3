# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for a lock."""

from __future__ import annotations

import re
import time
from pathlib import Path

#: Seconds until it is taken for granted that nobody will wait.
_LIMIT = 30


def wait_for_waiter(lock: Path) -> None:
    """Return when somebody waits for a lock that another has (proc(5)); TimeoutError if nobody does."""
    waiting = re.compile(rf"-> FLOCK .*:{lock.stat().st_ino} ")
    deadline = time.monotonic() + _LIMIT
    while not waiting.search(Path("/proc/locks").read_text()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody waits for {lock}")
        time.sleep(0.001)

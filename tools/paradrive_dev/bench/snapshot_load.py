# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.bench.snapshot_load FILE``: print how many seconds it takes to load a guest."""

from __future__ import annotations

import sys
import time

from paradrive.machine import saved_machine

if __name__ == "__main__":
    started = time.perf_counter()
    saved_machine.load(sys.argv[1], lambda byte: None)
    print(time.perf_counter() - started)

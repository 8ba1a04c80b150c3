# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.bench.engine_load``: print how many seconds it takes to get the engine."""

from __future__ import annotations

import time

from paradrive.cpu.compiled import build
from paradrive_dev.bench.emulators import CPU

if __name__ == "__main__":
    started = time.perf_counter()
    build.load(CPU)
    print(time.perf_counter() - started)

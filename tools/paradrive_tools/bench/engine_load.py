# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_tools.bench.engine_load``: print how many seconds it takes to get the engine."""

from __future__ import annotations

import time

from paradrive.cpu.compiled import build
from paradrive_tools.bench.emulators import CPU

if __name__ == "__main__":
    started = time.perf_counter()
    build.load(CPU)
    print(time.perf_counter() - started)

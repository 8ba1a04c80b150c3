# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled engine's own start: compiling it into an empty cache, and loading it from there."""

from __future__ import annotations

import sys
import tempfile
from statistics import median

from paradrive_dev.bench.process import Program, sample
from paradrive_tools.guest_build.progress import progress

#: A process of its own each time: the second load in one process would find LLVM imported.
LOAD = Program((sys.executable, "-m", "paradrive_dev.bench.engine_load"), 0)

empty_cache = tempfile.TemporaryDirectory


def measure(runs: int) -> dict[str, float]:
    """Return the seconds of compiling and of loading; BenchError when that is not possible."""
    build: list[float] = []
    load: list[float] = []
    with progress("compiling the engine", 2 * runs) as advance:
        for _ in range(runs):
            with empty_cache() as cache:
                for results in (build, load):
                    results.append(float(sample(LOAD, {"XDG_CACHE_HOME": cache}).output))
                    advance(1)
    return {"engine.build_s": median(build), "engine.load_s": median(load)}

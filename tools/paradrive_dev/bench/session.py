# SPDX-License-Identifier: GPL-2.0-or-later
"""One session of measurements: all of them, the file with the figures, the table."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from paradrive_dev.bench import boot, compute, engine, examples, lint, mmio, restart, snapshot, virtio
from paradrive_dev.bench.emulators import require_qemu
from paradrive_dev.bench.figures import table, write_figures
from paradrive_dev.bench.process import BenchError
from paradrive_tools import exit_status
from paradrive_tools.guest_build import BuildError
from paradrive_tools.guest_build.paths import BUILD


def execute(runs: int, json_path: str | None) -> int:
    """Measure everything ``runs`` times, write and print the figures, and return the exit status.

    Raises InputError when the figures cannot be written.
    """
    target = Path(json_path) if json_path else BUILD / "bench.json"
    try:
        figures = measure(runs)
        write_figures(target, figures)
    except (BenchError, BuildError) as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return exit_status.BAD_INPUT
    Console().print(table(figures))
    return 0


def measure(runs: int) -> dict[str, float]:
    """Return all figures by their keys, each the median of ``runs`` measurements.

    Raises BenchError or BuildError when something that is needed is missing or fails.
    """
    require_qemu()
    # The boot comes first: see Sample.peak_rss_mib in process.
    return {
        **boot.measure(runs),
        **compute.measure(runs),
        **mmio.measure(runs),
        **virtio.measure(runs),
        **examples.measure(),
        **engine.measure(runs),
        **snapshot.measure(runs),
        **restart.measure(runs),
        **lint.measure(runs),
    }

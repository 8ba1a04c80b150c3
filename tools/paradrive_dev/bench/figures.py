# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures: what each means, what it must be and what it should be; the table and the file of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from paradrive.host.inputs import InputError
from paradrive.host.outputs import write_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Figure(NamedTuple):
    """One figure; ``must`` and ``goal`` are upper bounds, or lower ones where more is better."""

    meaning: str
    unit: str = ""
    must: float | None = None
    goal: float | None = None
    more_is_better: bool = False

    def reaches(self, value: float, bound: float) -> bool:
        """Tell whether ``value`` is on the good side of ``bound``, or on it."""
        return value >= bound if self.more_is_better else value <= bound

    def bound_text(self, bound: float | None) -> str:
        """Return a bound as the table shows it."""
        return "" if bound is None else f"{'>=' if self.more_is_better else '<='} {bound:g}"

    def verdict(self, value: float) -> str:
        """Return in words which bound ``value`` reaches or misses; nothing where there is none."""
        if self.must is None:
            return ""
        if not self.reaches(value, self.must):
            return "must MISSED"
        if self.goal is None:
            return "must met"
        return "goal met" if self.reaches(value, self.goal) else "goal missed"


FIGURES: dict[str, Figure] = {
    "boot.ratio": Figure("start to restart, paradrive / QEMU", "", 1.0, 0.5),
    "boot.seconds": Figure("start to restart, paradrive", "s"),
    "boot.qemu_seconds": Figure("start to restart, QEMU", "s"),
    "boot.poweroff_seconds": Figure("start to power-off through pvctl", "s"),
    "boot.instructions": Figure("executed up to the restart"),
    "boot.peak_rss_mib": Figure("largest resident set, paradrive", "MiB", 200),
    "compute.ratio": Figure("speed, paradrive / QEMU (TCG)", "", 0.3, 1.0, True),
    "compute.mips": Figure("speed, paradrive", "MIPS"),
    "compute.qemu_mips": Figure("speed, QEMU (TCG)", "MIPS"),
    "compute.instructions": Figure("executed, net of the start"),
    "mmio.read_us": Figure("a read from a device in Python", "us", 0.3, 0.15),
    "mmio.write_us": Figure("a write to a device in Python", "us", 0.3, 0.15),
    "dma.write_us": Figure("64 bytes written by a device, to a page without code", "us", 1.0, 0.5),
    "examples.doorbell_lines": Figure("lines of code of the doorbell's model", "", 15, 10),
    "virtio.rng_mib_s": Figure("random numbers that the guest reads, paradrive", "MiB/s"),
    "virtio.rng_qemu_mib_s": Figure("random numbers that the guest reads, QEMU", "MiB/s"),
    "virtio.rng_mib_s.ratio": Figure("random numbers, paradrive / QEMU", "", 0.3, 1.0, True),
    "virtio.blk_mib_s": Figure("disk that the guest reads, paradrive", "MiB/s"),
    "virtio.blk_qemu_mib_s": Figure("disk that the guest reads, QEMU", "MiB/s"),
    "virtio.blk_mib_s.ratio": Figure("disk, paradrive / QEMU", "", 0.3, 1.0, True),
    "engine.build_s": Figure("first build of the compiled engine", "s", 5.0),
    "engine.load_s": Figure("loading it from the cache", "s", 0.1),
    "snapshot.restore_ms": Figure("restore after a test that touched 300 pages", "ms", 0.5, 0.1),
    "snapshot.ratio": Figure("restore after a restart, paradrive / QEMU", "", 0.1, 0.02),
    "snapshot.qemu_ms": Figure("restore after a restart, QEMU", "ms"),
    "test.ratio": Figure("restore and restart, paradrive / QEMU", "", 0.5, 0.1),
    "test.restart_ms": Figure("restore and restart through pvctl, paradrive", "ms"),
    "test.qemu_ms": Figure("restore and restart through guts, QEMU", "ms"),
    "test.per_second": Figure("such tests in pytest, one process", "1/s", 50, 300, True),
    "snapshot.file_mib": Figure("the file of a saved guest of 64 MiB", "MiB", 8),
    "snapshot.load_ms": Figure("loading it in a fresh process", "ms", 100),
    "lint.caught": Figure("bad variants of the trees that paradrive lint catches"),
    "lint.missed": Figure("those that it does not catch", "", 0),
    "lint.caught_dt_validate": Figure("those that dt-validate alone catches"),
    "lint.caught_dtc": Figure("those that dtc alone catches, with all its checks"),
    "lint.false_alarms": Figure("good variants that paradrive lint complains of", "", 0),
    "lint.false_alarms_dt_validate": Figure("those that dt-validate complains of"),
    "lint.false_alarms_dtc": Figure("those that dtc complains of"),
    "lint.trees_per_s": Figure("trees that paradrive lint checks, of 100 at once", "1/s"),
    "lint.ratio_dt_validate": Figure("time for 100 trees, dt-validate / paradrive", "", 0.5, 2, True),
}


def table(values: Mapping[str, float]) -> Table:
    """Return the table of the figures, which fits a terminal of 80 columns."""
    result = Table("figure", box=None)
    for name in ("value", "must", "goal"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("ok")
    for key, figure in FIGURES.items():
        value = values[key]
        missed = figure.must is not None and not figure.reaches(value, figure.must)
        result.add_row(
            f"[bold]{key}[/bold]\n{figure.meaning}",
            f"{value_text(value)} {figure.unit}".strip(),
            figure.bound_text(figure.must),
            figure.bound_text(figure.goal),
            figure.verdict(value),
            style="red" if missed else None,
        )
    return result


def value_text(value: float) -> str:
    """Return a value as the table shows it: counts in full, the others with three digits or more."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write_figures(path: Path, values: Mapping[str, float]) -> None:
    """Write the figures as JSON; the file is complete or untouched. InputError when that cannot be done."""
    rounded = {
        key: value if isinstance(value, int) else round(value, 6) for key, value in sorted(values.items())
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(str(path), getattr(error, "strerror", None) or str(error)) from None
    write_output(str(path), [json.dumps(rounded, indent=2).encode() + b"\n"])

# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of a booting guest: returning to one in this process, and continuing from a file in another."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from paradrive.machine.outcome import NoProgress
from paradrive.testing.guest import Guest
from paradrive.testing.guest import GuestFiles as Files
from paradrive_tools.bench.emulators import CPU
from paradrive_tools.bench.process import BenchError, Program, sample
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine
    from paradrive.machine.snapshot import MachineSnapshot

#: Early in the boot: from here on the guest touches more pages than are wanted before it ends.
EARLY = 2_000_000
#: Late in it, in instructions from there.
LATER = 6_000_000
#: Pages that a test touches, and instructions between two looks at how many those are.
PAGES, STEP = 300, 20_000
#: Restores for each run: they are short.
RESTORES = 10
MEMORY_SIZE = 64 << 20


def measure(runs: int) -> dict[str, float]:
    """Return the figures of snapshots; BenchError or BuildError when that is not possible."""
    built = ensure_guest(CPU)
    guest = Guest(Files(built.kernel, built.initrd, built.dtb), append="quiet", cpu=CPU)
    machine = guest.machine
    if sum(memory.size for memory in machine.memories) != MEMORY_SIZE:
        raise BenchError(f"the guest does not have {MEMORY_SIZE >> 20} MiB of RAM")
    machine.run(EARLY, reset_limit=0)
    early = machine.snapshot()
    length = _length_of_test(machine)
    machine.restore(early)
    with progress("restoring guests", 2 * runs) as advance, tempfile.TemporaryDirectory() as directory:
        restores = []
        for _ in range(runs):
            restores += [_restore_seconds(machine, early, length) for _ in range(RESTORES)]
            advance(1)
        machine.run(LATER, reset_limit=0)
        file = Path(directory) / "guest"
        machine.save(str(file))
        load = Program((sys.executable, "-m", "paradrive_tools.bench.snapshot_load", str(file)), 0)
        loads = []
        for _ in range(runs):
            loads.append(float(sample(load).output))
            advance(1)
        size = file.stat().st_size
    machine.destroy()
    return {
        "snapshot.restore_ms": median(restores) * 1e3,
        "snapshot.file_mib": size / (1 << 20),
        "snapshot.load_ms": median(loads) * 1e3,
    }


def _length_of_test(machine: Machine) -> int:
    """Let the guest run until it has touched enough pages; return how many instructions that takes."""
    started = machine.vcpu.instructions
    while len(machine.vcpu.stored_pages) < PAGES:
        if not isinstance(machine.run(STEP, reset_limit=0), NoProgress):
            raise BenchError(f"the guest ended before it had touched {PAGES} pages")
    return machine.vcpu.instructions - started


def _restore_seconds(machine: Machine, snapshot: MachineSnapshot, length: int) -> float:
    """Execute so many instructions from the snapshot on; return the time that it takes to undo that."""
    machine.run(length, reset_limit=0)
    started = time.perf_counter()
    machine.restore(snapshot)
    return time.perf_counter() - started

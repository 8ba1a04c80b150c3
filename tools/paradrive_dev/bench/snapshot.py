# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of a guest: returning to one in this process, and continuing from a file in another."""

from __future__ import annotations

import stat
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from paradrive.guest.agent_protocol import AgentError
from paradrive.machine import saved_machine
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.guest import Guest
from paradrive.testing.guest import GuestFiles as Files
from paradrive_dev.bench.emulators import CPU
from paradrive_dev.bench.process import BenchError, Program, sample
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.initramfs import Entry, ensure_program, newc_archive
from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from paradrive_tools.guest_build import GuestFiles

#: The pages that a test touches, at least, and how many more than that it may touch.
PAGES, TOLERANCE = 300, 10
#: How often to come closer to that; a page more or less to write may be several that are touched, or none.
ATTEMPTS = 10
_SOURCE = Path(__file__).with_name("dirty_pages.c")
_PROGRAM = _SOURCE.stem
#: Restores for each run: they are short.
RESTORES = 10
#: Late in a boot, in instructions.
LATE = 8_000_000
MEMORY_SIZE = 64 << 20


def measure(runs: int) -> dict[str, float]:
    """Return the figures of snapshots; BenchError or BuildError when that is not possible."""
    built = ensure_guest(CPU)
    with tempfile.TemporaryDirectory() as name:
        return _measure_restores(built, Path(name), runs) | _measure_file(built, Path(name), runs)


def _measure_restores(built: GuestFiles, directory: Path, runs: int) -> dict[str, float]:
    """Measure returns to a booted guest, each after a program that has written to pages of its own."""
    program = ensure_program(CPU, built.kernel.parent, _SOURCE)
    archive = newc_archive([Entry(_PROGRAM, stat.S_IFREG | 0o755, program.read_bytes())])
    # The kernel unpacks archives that stand one behind the other.
    initrd = directory / "initramfs.cpio"
    initrd.write_bytes(built.initrd.read_bytes() + archive)
    guest = BootedGuest(Recipe(Files(built.kernel, initrd, built.dtb)))
    count = _pages_to_write(guest)
    restores = []
    with progress("restoring guests", runs) as advance:
        for _ in range(runs):
            restores += [_restore_seconds(guest, count) for _ in range(RESTORES)]
            advance(1)
    guest.destroy()
    return {"snapshot.restore_ms": median(restores) * 1e3}


def _pages_to_write(guest: BootedGuest) -> int:
    """Return how many pages the program has to write to: it and the kernel touch others, too."""
    count = PAGES
    for _ in range(ATTEMPTS):
        # Once more, as a test that is like the one before it.
        for _ in range(2):
            _restore_seconds(guest, count)
            _write_pages(guest, count)
        touched = len(guest.machine.vcpu.stored_pages)
        if PAGES <= touched <= PAGES + TOLERANCE:
            return count
        count -= touched - PAGES
    raise BenchError(f"no test touches {PAGES} pages")


def _write_pages(guest: BootedGuest, count: int) -> None:
    """Let the guest run the program; BenchError if that fails."""
    try:
        completed = guest.run(f"/{_PROGRAM} {count}")
    except AgentError as error:
        raise BenchError(str(error)) from None
    if completed.status != 0:
        raise BenchError(f"{_PROGRAM} ended with status {completed.status}")


def _restore_seconds(guest: BootedGuest, count: int) -> float:
    """Let the program write to pages; return the time that it takes to undo that."""
    _write_pages(guest, count)
    started = time.perf_counter()
    guest.restore()
    return time.perf_counter() - started


def _measure_file(built: GuestFiles, directory: Path, runs: int) -> dict[str, float]:
    """Measure saving late in a boot and loading in a fresh process."""
    machine = Guest(Files(built.kernel, built.initrd, built.dtb), append="quiet", cpu=CPU).machine
    if sum(memory.size for memory in machine.memories) != MEMORY_SIZE:
        raise BenchError(f"the guest does not have {MEMORY_SIZE >> 20} MiB of RAM")
    machine.run(LATE, reset_limit=0)
    file = directory / "guest"
    saved_machine.save(machine, str(file))
    machine.destroy()
    load = Program((sys.executable, "-m", "paradrive_dev.bench.snapshot_load", str(file)), 0)
    loads = []
    with progress("loading guests", runs) as advance:
        for _ in range(runs):
            loads.append(float(sample(load).output))
            advance(1)
    return {"snapshot.file_mib": file.stat().st_size / (1 << 20), "snapshot.load_ms": median(loads) * 1e3}

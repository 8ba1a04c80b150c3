# SPDX-License-Identifier: GPL-2.0-or-later
"""A test that returns to a booted guest, asks it to restart, and sees the request for the reset.

Here the driver writes RESET to pvctl. QEMU has no pvctl: the same guest, without it in its tree, asks the
guts for the reset. The agent in the guest, which makes the system call, is the same.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from paradrive.devices.pvctl import Command
from paradrive.guest.agent import RebootCommand
from paradrive.guest.agent_protocol import AgentError, Request, encode, number
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.guest import GuestFiles as Files
from paradrive_dev.bench.boot import write_tree
from paradrive_dev.bench.emulators import CPU, qemu
from paradrive_dev.bench.process import BenchError, Program, alternate, median_difference
from paradrive_dev.bench.qemu_guest import QemuGuest
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from paradrive_tools.guest_build import GuestFiles

#: Tests for each run: they are short.
TESTS = 10
#: Tests of the session of pytest that is held against one with a single test.
SESSION_TESTS = 200
_RUNS_AGENT = "run=/bin/agent"
_TEST = """\
import pytest

from paradrive.devices.pvctl import Command
from paradrive.guest.agent import RebootCommand


@pytest.mark.parametrize("number", range({tests}))
def test_restart(guest, pvctl, number):
    guest.agent.reboot(RebootCommand.RESTART)
    assert pvctl.commands == [Command.RESET()]
"""


def measure(runs: int) -> dict[str, float]:
    """Return the figures of such tests; BenchError or BuildError when that is not possible."""
    built = ensure_guest(CPU)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        return _measure_guests(built, directory, runs) | _measure_sessions(built, directory, runs)


def _measure_guests(built: GuestFiles, directory: Path, runs: int) -> dict[str, float]:
    """Measure single tests, on this model and on QEMU in turn."""
    tree = write_tree(built, _RUNS_AGENT, directory / "restart.dtb")
    files = Files(built.kernel, built.initrd, built.dtb)
    command = qemu("-kernel", built.kernel, "-initrd", built.initrd, "-dtb", tree, reboots=True).command
    restores: dict[str, list[float]] = {"ours": [], "qemu": []}
    tests: dict[str, list[float]] = {"ours": [], "qemu": []}
    with QemuGuest(command, directory) as theirs, progress("restarting guests", runs) as advance:
        # The one is what QEMU has, the other has pvctl.
        same = BootedGuest(Recipe(files, tree=tree.read_bytes()))
        ours = BootedGuest(Recipe(files))
        theirs.wait_for_agent()
        theirs.save()
        for turn in range(-1, runs):
            # The first turn fills the caches, and does not count.
            for _ in range(TESTS if turn >= 0 else 1):
                restore, _ = _our_test(same)
                _, test = _our_test(ours)
                if ours.pvctl.commands != [Command.RESET()]:
                    raise BenchError("the guest has not restarted through pvctl")
                their_restore, their_test = _their_test(theirs)
                if turn >= 0:
                    restores["ours"].append(restore)
                    restores["qemu"].append(their_restore)
                    tests["ours"].append(test)
                    tests["qemu"].append(their_test)
            advance(1 if turn >= 0 else 0)
        same.destroy()
        ours.destroy()
    return {
        "snapshot.ratio": median(restores["ours"]) / median(restores["qemu"]),
        "snapshot.qemu_ms": median(restores["qemu"]) * 1e3,
        "test.restart_ms": median(tests["ours"]) * 1e3,
        "test.qemu_ms": median(tests["qemu"]) * 1e3,
        "test.ratio": median(tests["ours"]) / median(tests["qemu"]),
    }


def _our_test(guest: BootedGuest) -> tuple[float, float]:
    """Return the seconds that a restore took, and the whole test."""
    started = time.perf_counter()
    guest.restore()
    restored = time.perf_counter()
    try:
        guest.agent.reboot(RebootCommand.RESTART)
    except AgentError as error:
        raise BenchError(str(error)) from None
    return restored - started, time.perf_counter() - started


def _their_test(guest: QemuGuest) -> tuple[float, float]:
    """Return the seconds that a restore took on QEMU, and the whole test."""
    guest.resume()
    started = time.perf_counter()
    guest.restore()
    restored = time.perf_counter()
    guest.send(encode(Request.REBOOT, number(RebootCommand.RESTART)))
    guest.wait_for_event("RESET")
    ended = time.perf_counter()
    guest.pause()
    return restored - started, ended - started


def _measure_sessions(built: GuestFiles, directory: Path, runs: int) -> dict[str, float]:
    """Measure a session of pytest, less one with a single test: starting pytest and a guest is no test."""
    sessions = {
        tests: _session(built, directory / f"test_{tests}_restarts.py", tests)
        for tests in (1, 1 + SESSION_TESTS)
    }
    samples = alternate("testing", {str(tests): session for tests, session in sessions.items()}, runs)
    single, full = samples.values()
    seconds = median_difference(full, single)
    if seconds <= 0:
        raise BenchError(f"the machine is too busy: {SESSION_TESTS} tests took no longer than one")
    return {"test.per_second": SESSION_TESTS / seconds}


def _session(built: GuestFiles, file: Path, tests: int) -> Program:
    """Return a session of so many tests in one process."""
    file.write_text(_TEST.format(tests=tests), encoding="utf-8")
    options = (
        *("--paradrive-kernel", built.kernel, "--paradrive-initrd", built.initrd),
        *("--paradrive-dtb", built.dtb, "--rootdir", file.parent, "-q", "-p", "no:cacheprovider"),
    )
    command = (sys.executable, "-m", "pytest", *map(str, options), str(file))
    return Program(command, 0, prints=f"{tests} passed")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes as samples: how long each took from its start to its end, and how much memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How often each program is run before it counts: that fills the caches.
WARM_UPS = 1
#: Seconds after which a process is taken to hang and is killed.
TIME_LIMIT = 300.0


class BenchError(Exception):
    """Something cannot be measured; the message is one line for the user."""


class Program(NamedTuple):
    """A command that is measured; it has done its work if it ends like this and has printed that."""

    command: tuple[str, ...]
    exit_status: int
    prints: str = ""


class Sample(NamedTuple):
    """One run of a program."""

    #: Wall-clock time from before the process was created until it had ended.
    seconds: float
    #: The largest resident set of the process. Linux counts this process's own one in, which the new one
    #: still has when it executes its command, so a session measures memory before it grows itself.
    peak_rss_mib: float
    output: str


def alternate(title: str, programs: Mapping[str, Program], runs: int) -> dict[str, list[Sample]]:
    """Run the programs in turn, ``runs`` times each, and return their samples by the programs' names.

    In turn, so that whatever else the machine does meanwhile concerns all of them alike. Runs that do not
    count come first. Raises BenchError as ``sample``.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    with progress(title, (WARM_UPS + runs) * len(programs)) as advance:
        for turn in range(WARM_UPS + runs):
            for name, program in programs.items():
                result = sample(program)
                if turn >= WARM_UPS:
                    samples[name].append(result)
                advance(1)
    return samples


def sample(program: Program, variables: Mapping[str, str] | None = None) -> Sample:
    """Run a program once, without input, with these environment variables besides the usual ones.

    Raises BenchError when it cannot be started or does not end as it should.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                program.command,
                env=_environment() | dict(variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise BenchError(f"cannot execute {program.command[0]}: {error.strerror}") from None
        peak_rss = _wait(process)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode != program.exit_status or program.prints not in text:
        raise BenchError(_failure(program, process.returncode, text))
    return Sample(seconds, peak_rss / 1024, text)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process, or make it end; return the largest resident set in KiB."""
    watchdog = threading.Timer(TIME_LIMIT, process.kill)
    watchdog.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watchdog.cancel()
    return usage.ru_maxrss


def _environment() -> dict[str, str]:
    # With PYTHONDONTWRITEBYTECODE every start of a process compiles all Python sources anew; users,
    # for whom the figures are, do not have it set, but containers often do.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _failure(program: Program, exit_status: int, output: str) -> str:
    name = Path(program.command[0]).name
    last_line = output.strip().rpartition("\n")[2]
    if exit_status != program.exit_status:
        return f"{name} ended with status {exit_status}, not {program.exit_status}: {last_line}"
    return f"{name} ended without having printed {program.prints!r}: {last_line}"


def median_seconds(samples: Sequence[Sample]) -> float:
    """Return the median time."""
    return median(sample.seconds for sample in samples)


def median_difference(longer: Sequence[Sample], shorter: Sequence[Sample]) -> float:
    """Return the median of how much longer a program took than the other one did in the same turn."""
    return median(a.seconds - b.seconds for a, b in zip(longer, shorter, strict=True))

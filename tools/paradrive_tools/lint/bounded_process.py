# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a tool on input of unknown origin: its time, its memory and what it writes are bounded."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from paradrive.machine.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds. What dtc compiles in a fiftieth of one is a large board already.
TIME_LIMIT = 10.0
#: Bytes of address space, and of each file that the tool writes.
MEMORY_LIMIT = 1 << 29
OUTPUT_LIMIT = 1 << 24


class Result(NamedTuple):
    """What a tool has done: its exit status, standard output, and lines of standard error."""

    status: int
    output: bytes
    messages: list[str]


def run_bounded(command: Sequence[str], contents: bytes, source: str) -> Result:
    """Run ``command`` with ``contents`` on its standard input.

    Raises InputError, naming ``source``, when the tool is not there or goes beyond a limit.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as log,
    ):
        given.write(contents)
        given.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=given, stdout=output, stderr=log, env={"LC_ALL": "C", "PATH": os.defpath}
            )
        except FileNotFoundError:
            raise InputError(source, f"{command[0]} is not installed") from None
        with process:
            limit(process.pid, resource.RLIMIT_AS, MEMORY_LIMIT)
            limit(process.pid, resource.RLIMIT_FSIZE, OUTPUT_LIMIT)
            if not _ends(process.pid, TIME_LIMIT):
                process.kill()
                raise InputError(source, f"{command[0]} takes longer than {TIME_LIMIT:g} s")
            status = process.wait()
        if -status in (signal.SIGXFSZ, signal.SIGSEGV, signal.SIGABRT):
            reason = signal.strsignal(-status)
            raise InputError(source, f"{command[0]} ended: {reason}")
        output.seek(0)
        log.seek(0)
        messages = log.read(OUTPUT_LIMIT).decode("utf-8", "replace").splitlines()
        return Result(status, output.read(OUTPUT_LIMIT), messages)


def _ends(process: int, seconds: float) -> bool:
    """Wait for a child process; tell whether it ends within so many seconds."""
    # Popen.wait() with a limit of time sleeps for ever longer while it waits.
    descriptor = os.pidfd_open(process)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def limit(process: int, what: int, most: int) -> None:
    """Limit a resource (RLIMIT_...) of a child process that has just been started."""
    # From outside, because code between fork and exec is not safe where there are threads. What the
    # child can do before that is next to nothing.
    resource.prlimit(process, what, (most, most))

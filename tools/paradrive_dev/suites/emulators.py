# SPDX-License-Identifier: GPL-2.0-or-later
"""The two machines that a suite's guest runs on, as processes: within limits, and ended with this one."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen
from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.bounded_process import UNLIMITED, end, start
from paradrive_tools.run.terms import EXIT_RESET_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive_dev.suites.guest import SuiteGuest

#: Bytes that a console may have; a process that writes more is killed.
MAX_CONSOLE = 64 << 20
#: How often (s) to look whether a process has ended.
_INTERVAL = 0.05
#: Of the model's last line, which is its own.
_OWN_LINE = b"paradrive: "


class SuiteError(Exception):
    """A suite cannot be run to its end; the message is one line for the user."""


class Run(NamedTuple):
    """What a machine has made of a suite."""

    console: str
    #: Wall-clock time, and that of the processor.
    seconds: float
    cpu_seconds: float
    #: What the model has counted; QEMU does not tell.
    instructions: int | None


#: QEMU's options for every guest: one instruction takes a nanosecond, as on the model, and when the guest
#: waits, time leaps to the next timer. So time passes in the same way, whatever else the host does.
QEMU_OPTIONS = (
    *("-display", "none", "-monitor", "none", "-serial", "stdio", "-serial", "null"),
    *("-nic", "none", "-no-reboot", "-icount", "shift=0,sleep=off"),
)


def run_qemu(guest: SuiteGuest) -> Run:
    """Run the guest on QEMU. Raises SuiteError when it does not end by itself in time."""
    suite = guest.suite
    command = [
        *("qemu-system-ppc", "-M", "ppce500", "-cpu", suite.kernel.cpu, "-m", str(suite.memory_mib)),
        *QEMU_OPTIONS,
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd), "-dtb", str(guest.dtb)),
    ]
    ended = run_limited(command, suite.time_limit, 0)
    return Run(ended.output.decode(errors="replace"), ended.seconds, ended.cpu_seconds, None)


def run_model(guest: SuiteGuest) -> Run:
    """Run the guest on the model. Raises SuiteError when it does not end with a reset in time."""
    suite = guest.suite
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "run.json")
        command = [
            *(str(Path(sys.executable).with_name("paradrive")), "run", "--cpu", suite.kernel.cpu),
            *("--reset-limit", "0", "--max-instructions", str(suite.max_instructions)),
            *("--kernel", str(guest.kernel), "--initrd", str(guest.initrd), "--dtb", str(guest.dtb)),
            *("--memory", f"{suite.memory_mib}M", "--json", str(report)),
        ]
        ended = run_limited(command, suite.time_limit, EXIT_RESET_LIMIT)
        instructions = int(json.loads(report.read_text(encoding="utf-8"))["instructions"])
    lines = ended.output.split(b"\n")
    own = [line for line in lines if not line.startswith(_OWN_LINE)]
    return Run(b"\n".join(own).decode(errors="replace"), ended.seconds, ended.cpu_seconds, instructions)


#: The machines by their names.
MACHINES: dict[str, Callable[[SuiteGuest], Run]] = {"qemu": run_qemu, "model": run_model}


class Ended(NamedTuple):
    """A process that has ended as it should: what it printed, and its times (s)."""

    output: bytes
    seconds: float
    cpu_seconds: float


def run_limited(command: list[str], time_limit: float, exit_status: int) -> Ended:
    """Run ``command`` to its end. It is killed with this process, and when it takes or writes too much.

    Raises SuiteError unless it ends in time with this exit status.
    """
    limits = UNLIMITED._replace(output=MAX_CONSOLE)
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        try:
            process = start(
                command, limits, environment=os.environ, stdin=DEVNULL, stdout=output, stderr=STDOUT
            )
        except FileNotFoundError:
            raise SuiteError(f"{command[0]} is not installed") from None
        try:
            cpu_seconds = _wait(process, started + time_limit)
        finally:
            end(process)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read(MAX_CONSOLE)
    if cpu_seconds is None or process.returncode != exit_status:
        last = text.decode(errors="replace").strip().rpartition("\n")[2][:200]
        reason = f"killed after {time_limit} s" if cpu_seconds is None else f"status {process.returncode}"
        raise SuiteError(f"{Path(command[0]).name} has not ended as it should ({reason}): {last!r}")
    return Ended(text, seconds, cpu_seconds)


def _wait(process: Popen[bytes], deadline: float) -> float | None:
    """Wait for the end of the process, and return its CPU time (s); None when it has not ended in time."""
    while time.monotonic() < deadline:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        time.sleep(_INTERVAL)
    return None

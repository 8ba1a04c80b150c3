# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that a suite runs on has limits, and does not outlive the session."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paradrive_dev.suites import emulators
from paradrive_dev.suites.emulators import SuiteError, run_limited

START = """
import sys
from paradrive_dev.suites.emulators import run_limited
run_limited(["sh", "-c", 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 100', sys.argv[1]], 100, 0)
"""


def test_a_process_that_ends_tells_what_it_printed_and_its_times() -> None:
    ended = run_limited(["sh", "-c", "echo out; echo error >&2; exit 3"], 60, 3)
    assert ended.output == b"out\nerror\n"
    assert 0 <= ended.cpu_seconds <= ended.seconds


def test_a_process_that_takes_too_long_is_killed() -> None:
    with pytest.raises(SuiteError, match=r"sleep.*killed after 0\.1 s"):
        run_limited(["sleep", "100"], 0.1, 0)


def test_a_process_that_ends_otherwise_is_an_error_with_its_last_line() -> None:
    with pytest.raises(SuiteError, match=r"status 4.*last words"):
        run_limited(["sh", "-c", "echo first; echo last words; exit 4"], 60, 0)


def test_a_process_that_prints_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulators, "MAX_CONSOLE", 1 << 16)
    with pytest.raises(SuiteError, match=r"yes.*status"):
        run_limited(["yes"], 10, 0)


def test_a_machine_dies_with_the_session(tmp_path: Path) -> None:
    number = tmp_path / "number"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    session = subprocess.Popen([sys.executable, "-c", START, str(number)], env=environment)
    try:
        _wait_until(number.exists)
        machine = int(number.read_text())
        assert _runs(machine)
        session.kill()
        session.wait()
        _wait_until(lambda: not _runs(machine))
    finally:
        session.kill()
        session.wait()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(process: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped by whoever adopts it does not."""
    try:
        with open(f"/proc/{process}/stat") as status:  # noqa: PTH123
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

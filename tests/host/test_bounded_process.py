# SPDX-License-Identifier: GPL-2.0-or-later
"""The bounds of the tools that read what nobody has vouched for."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from paradrive.host import bounded_process
from paradrive.host.bounded_process import UNLIMITED, Limits, end, run_bounded, start
from paradrive.host.inputs import InputError
from processes import wait_until_gone

if TYPE_CHECKING:
    from pathlib import Path

# Writes its own process number and hangs, as does the child which it starts.
FAMILY = "sleep 1000 & echo $! $$; wait"
# A parent that starts a family as argv[1] says, and tells their numbers.
PARENT = """
import subprocess, sys
from paradrive.host.bounded_process import UNLIMITED, Limits, start
process = start(["sh", "-c", sys.argv[1]], UNLIMITED, stdout=subprocess.PIPE)
print(process.stdout.readline().decode(), end="", flush=True)
sys.stdin.read()
"""


def test_what_a_tool_writes_and_its_exit_status_are_returned() -> None:
    result = run_bounded(["sh", "-c", "cat; echo why >&2; exit 3"], b"tree", "t.dts")
    assert (result.status, result.output, result.messages) == (3, b"tree", ["why"])


def test_a_tool_that_does_not_end_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bounded_process, "TIME_LIMIT", 0.3)
    numbers = tmp_path / "numbers"
    with pytest.raises(InputError, match=r"^t\.dts: sh "):
        run_bounded(["sh", "-c", f"exec >{numbers}; {FAMILY}"], b"", "t.dts")
    for number in numbers.read_text().split():
        wait_until_gone(int(number))


def test_what_a_tool_leaves_running_is_ended() -> None:
    result = run_bounded(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"], b"", "t.dts")
    wait_until_gone(int(result.output))


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_their_parent(killed_by: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        numbers = [int(number) for number in parent.stdout.readline().split()]
        assert len(numbers) == 2
        parent.send_signal(killed_by)
        parent.communicate()
    for number in numbers:
        wait_until_gone(number)


@pytest.mark.parametrize("how", ["ended", "parent killed"])
def test_a_process_with_a_grace_tidies_up(tmp_path: Path, how: str) -> None:
    tidy = f"trap 'echo tidy > {tmp_path}/done; exit' TERM; echo $$; sleep 1000 & wait"
    program = PARENT.replace("UNLIMITED, stdout", "UNLIMITED, grace=5, stdout")
    if how == "ended":
        process = start(["sh", "-c", tidy], UNLIMITED, grace=5, stdout=subprocess.PIPE)
        number = int(process.stdout.readline())
        end(process, grace=5)
    else:
        with subprocess.Popen(
            [sys.executable, "-c", program, tidy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as parent:
            assert parent.stdout is not None
            number = int(parent.stdout.readline())
            parent.kill()
            parent.communicate()
    wait_until_gone(number)
    assert (tmp_path / "done").read_text() == "tidy\n"


def test_limits_hold_from_the_first_instruction_of_the_tool_and_of_what_it_starts() -> None:
    asked = "ulimit -v; ulimit -f; ulimit -t; ulimit -c"
    command = ["sh", "-c", f"{asked}; sh -c '{asked}'"]
    limits = Limits(memory=1 << 28, output=1 << 20, cpu_time=7)
    result = run_bounded(command, b"", "t.dts", limits=limits)
    assert result.output.split() == [b"262144", b"2048", b"7", b"0"] * 2


@pytest.mark.parametrize(
    ("program", "limits"),
    [
        ("cat /dev/zero", Limits(output=1 << 16)),
        ("kill -s SEGV $$", Limits()),
    ],
    ids=["output", "fault"],
)
def test_a_tool_that_goes_beyond_a_limit_is_an_error_of_the_input(program: str, limits: Limits) -> None:
    with pytest.raises(InputError, match=r"^t\.dts: sh "):
        run_bounded(["sh", "-c", f"{program}; exit $?"], b"", "t.dts", limits=limits)


def test_a_tool_that_is_missing_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="no-such-tool"):
        run_bounded(["no-such-tool"], b"", "t.dts")

# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run`` on a real terminal, as a job of real shells: keys, signals, job control."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from paradrive.machine import saved_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: What anything on the terminal may take, in seconds.
PATIENCE = 60
#: Says so when it is up, and why it has started; repeats each character in brackets, "B" for a break; powers
#: off at "q", panics at "p".
ECHO = """
    store32 pvctl + 0x0c, 0x1f ; lis 4, pvctl@ha ; lwz 6, pvctl + 0x24@l(4) ; addi 6, 6, 0x30
    print 'u' ; print 'p' ; stb 6, uart@l(4) ; print 10
    li 5, 0x0b ; stb 5, uart + 4@l(4)
wait: lbz 7, uart + 5@l(4) ; andi. 5, 7, 1 ; beq wait
    lbz 6, uart@l(4) ; andi. 5, 7, 0x10 ; beq character ; li 6, 'B'
character: cmpwi 6, 'q' ; beq quit ; cmpwi 6, 'p' ; beq panic
    print '<' ; stb 6, uart@l(4) ; print '>' ; print 10 ; b wait
quit: shutdown 3 ; b .
panic: store32 pvctl + 0x10, 3 ; store32 rstcr, 2 ; b .
"""
SHELLS = {"bash": ["--norc", "--noprofile", "--noediting", "-i"], "dash": ["-i"]}


class Shell:
    """An interactive shell that leads a session on a terminal of its own."""

    def __init__(self, name: str, directory: Path) -> None:
        self.seen = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.environ |= {"PS1": "$ ", "TERM": "dumb"}
            os.environ.pop("ENV", None)
            os.execvp(name, [name, *SHELLS[name]])
        self.type("echo shell-is-$((40+2))\n")
        self.expect("shell-is-42")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def expect(self, pattern: str) -> re.Match[str]:
        """Return the match of what the terminal shows from now on, up to which it is forgotten."""
        deadline = time.monotonic() + PATIENCE
        while (match := re.search(pattern, self.seen)) is None:
            ready, _, _ = select.select([self.terminal], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{pattern!r} does not come, only {self.seen!r}"
            self.seen += os.read(self.terminal, 4096).decode("ascii", "replace")
        self.seen = self.seen[match.end() :]
        return match

    def hands_over_lines(self) -> bool:
        flags = termios.tcgetattr(self.terminal)[3]
        return flags & (termios.ICANON | termios.ECHO) == termios.ICANON | termios.ECHO

    def wait_for_mode(self, *, lines: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.hands_over_lines() is not lines:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def hang_up(self) -> None:
        os.close(self.terminal)
        self.terminal = -1
        os.waitpid(self.process, 0)
        self.process = 0

    def end(self) -> None:
        if self.terminal >= 0:
            os.close(self.terminal)
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    if shutil.which(request.param) is None:
        pytest.fail(f"there is no {request.param}")
    shell = Shell(request.param, tmp_path)
    yield shell
    shell.end()


@pytest.fixture
def command(assemble: Callable[[str], Path], map_devices: str, files: dict[str, Path]) -> str:
    """Return the command that runs the guest, to which options can be appended."""
    words = [sys.executable, "-m", "paradrive_tools.cli", "run"]
    words += ["--max-instructions", "1000000000000", "--kernel", str(assemble(map_devices + ECHO))]
    for name, path in files.items():
        words += [f"--{name}", str(path)]
    return shlex.join(words)


def status_of_last(shell: Shell) -> int:
    shell.type("echo status=$?=\n")
    return int(shell.expect(r"status=(\d+)=")[1])


def test_keys_reach_the_guest_before_and_after_a_stop(shell: Shell, command: str) -> None:
    shell.type(f"{command}\n")
    shell.expect("up0")
    assert not shell.hands_over_lines()
    shell.type("a")
    shell.expect("<a>")
    shell.type("\x1a")
    shell.expect(r"Stopped|\[1\] \+")
    assert shell.hands_over_lines()
    shell.type("fg\n")
    shell.expect("paradrive_tools.cli")
    shell.type("b")
    shell.expect("<b>")
    assert not shell.hands_over_lines()
    shell.type("q")
    shell.expect("exit code 3")
    assert status_of_last(shell) == 67
    assert shell.hands_over_lines()


def test_run_in_the_background_leaves_terminal_and_keys_to_the_shell(shell: Shell, command: str) -> None:
    shell.type(f"{command} > output &\n")
    shell.type("while ! grep -q up0 output; do sleep 0.1; done; echo go-$((1+1))\n")
    shell.expect("go-2")
    assert shell.hands_over_lines()
    shell.type("jobs; echo listed-$((1+1))\n")
    assert "Running" in shell.expect(r"(?s)\[1\].*listed-2")[0]
    shell.type("fg\n")
    shell.expect("paradrive_tools.cli")
    shell.wait_for_mode(lines=False)
    shell.type("q")
    shell.wait_for_mode(lines=True)
    assert status_of_last(shell) == 67
    assert shell.hands_over_lines()


def test_run_that_was_stopped_goes_on_in_the_background(shell: Shell, command: str) -> None:
    shell.type(f"{command}\n")
    shell.expect("up0")
    shell.type("\x1a")
    shell.expect(r"Stopped|\[1\] \+")
    shell.type("bg; echo on-$((1+1))\n")
    shell.expect("on-2")
    shell.type("kill %1; wait %1; echo status=$?=\n")
    assert shell.expect(r"status=(\d+)=")[1] == "143"
    assert shell.hands_over_lines()


def test_guest_is_saved_when_the_terminal_hangs_up(shell: Shell, command: str, tmp_path: Path) -> None:
    saved, report = tmp_path / "state", tmp_path / "report"
    shell.type(f"{command} --save {saved} --json {report}\n")
    shell.expect("up0")
    shell.hang_up()
    deadline = time.monotonic() + PATIENCE
    while not report.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert json.loads(report.read_text())["exit_status"] == 129
    printed = bytearray()
    machine = saved_machine.load(str(saved), printed.append, engine="reference")
    assert machine.console is not None
    machine.console.receive(b"z")
    machine.run(1000, reset_limit=0)
    assert b"<z>" in printed


# What does not depend on the shell


@pytest.mark.parametrize("shell", ["dash"], indirect=True)
@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x1c", 131), ("\x01x", 130)])
def test_key_that_ends_the_run_restores_the_terminal(
    shell: Shell, command: str, key: str, status: int
) -> None:
    shell.type(f"{command} --save state\n")
    shell.expect("up0")
    shell.type(key)
    shell.expect("paradrive: interrupted")
    assert status_of_last(shell) == status
    assert shell.hands_over_lines()


@pytest.mark.parametrize("shell", ["dash"], indirect=True)
def test_host_sends_a_break_and_resets_the_guest(shell: Shell, command: str) -> None:
    shell.type(f"{command}\n")
    shell.expect("up0")
    # What was typed before a key of the host comes first, and Ctrl-a twice is one.
    shell.type("a\x01bc\x01\x01")
    shell.expect(r"(?s)<a>.*<B>.*<c>.*<\x01>")
    shell.type("\x01h")
    shell.expect("keys of the host")
    shell.type("\x01r")
    shell.expect("up2")
    shell.type("q")
    shell.expect("exit code 3")


@pytest.mark.parametrize("shell", ["dash"], indirect=True)
def test_guest_that_is_reset_after_its_panic_is_told_so(shell: Shell, command: str) -> None:
    shell.type(f"{command} --on-panic reset\n")
    shell.expect("up0")
    shell.type("p")
    shell.expect("up3")
    shell.type("q")
    shell.expect("exit code 3")


@pytest.mark.parametrize("shell", ["dash"], indirect=True)
def test_signal_resets_the_guest(shell: Shell, command: str) -> None:
    shell.type(f"{command} --json report > output < /dev/null &\n")
    shell.type("while ! grep -q up0 output; do sleep 0.1; done; kill -USR1 %1\n")
    shell.type("while ! grep -q up2 output; do sleep 0.1; done; kill %1; wait %1; echo status=$?=\n")
    assert shell.expect(r"status=(\d+)=")[1] == "143"

# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands whose standard streams are closed or full, as a shell sees them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLI = [sys.executable, "-m", "paradrive_tools.cli"]
#: What each command prints in a moment.
COMMANDS = {
    "run": [],
    "lint": [*CLI, "lint", "--list-rules"],
    "bench": [sys.executable, "-m", "paradrive_dev.bench", "--help"],
    "fidelity": [sys.executable, "-m", "paradrive_dev.fidelity", "--help"],
}


@pytest.fixture
def run_words(assemble: Callable[[str], Path], map_devices: str, files: dict[str, Path]) -> list[str]:
    """Return the words of a run that prints a line and powers off with exit code 1."""
    kernel = assemble(map_devices + "print 'h' ; print 10 ; shutdown 1 ; b .")
    words = [*CLI, "run", "--engine", "reference", "--max-instructions", "20000", "--kernel", str(kernel)]
    return [*words, *(word for name, path in files.items() for word in (f"--{name}", str(path)))]


def shell(words: list[str], redirections: str, **environment: str) -> tuple[int, str, str]:
    """Return status, standard output and standard error of a command as a shell starts it."""
    command = ["bash", "-o", "pipefail", "-c", f"{shlex.join(words)} {redirections}"]
    # At the end of Python a stream that cannot be flushed would be a status of its own.
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_is_lost_is_an_error_of_its_own(
    run_words: list[str], command: str, redirection: str
) -> None:
    status, _, errors = shell(COMMANDS[command] or run_words, redirection)
    assert status == 2
    assert errors.startswith("paradrive: error: standard output: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2>&- <&-"])
def test_loss_of_messages_changes_no_status(
    run_words: list[str], files: dict[str, Path], compile_tree: Callable[[str], bytes], redirection: str
) -> None:
    node = 'thing@9000 { compatible = "acme,thing"; };'
    source = f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                 / {{ platform@f00000000 {{ {node} }}; }};"""
    files["dtb"].write_bytes(compile_tree(source))  # which it warns of
    status, output, _ = shell(run_words, redirection)
    assert status == 65
    assert output.startswith("h\nparadrive: guest powered off")
    assert shell([*CLI, "lint", "/no/where"], redirection)[0] == 2


def test_file_never_becomes_a_standard_stream(run_words: list[str], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert shell([*run_words, "--trace-mmio", str(trace)], ">&- 2>&- <&-")[0] == 2
    lines = [line for line in trace.read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert all(len(line.split()) >= 6 for line in lines)


def test_reader_that_has_had_enough_is_no_error(run_words: list[str]) -> None:
    assert shell(run_words, "| true")[::2] == (65, "")
    status, _, errors = shell([*CLI, "lint", "--list-rules"], "| true")
    assert (status in (0, 141), errors) == (True, "")


def test_report_on_standard_output_stands_between_console_and_verdict(
    run_words: list[str], tmp_path: Path
) -> None:
    status, _, errors = shell([*run_words, "--json", "/dev/stdout"], f"> {tmp_path / 'out'}")
    assert (status, errors) == (65, "")
    first, *report, last = (tmp_path / "out").read_text().splitlines()
    assert (first, report[0], report[-1]) == ("h", "{", "}")
    assert last.startswith("paradrive: guest powered off")


def test_input_may_be_what_another_command_prints(run_words: list[str], files: dict[str, Path]) -> None:
    tree = shlex.quote(str(files["dtb"]))
    assert shell(run_words, f"--dtb <(cat {tree})")[0] == 65
    assert shell(run_words, f"--dtb /dev/stdin < {tree}")[0] == 65


def test_guest_that_cannot_be_built_for_want_of_a_cache_is_one_line(tmp_path: Path) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("")
    status, _, errors = shell([*CLI, "run"], "", XDG_CACHE_HOME=str(occupied))
    assert status == 2
    assert errors.count("\n") == 1
    assert str(occupied) in errors

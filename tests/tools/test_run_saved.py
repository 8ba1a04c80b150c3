# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run --save`` and ``--load``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from paradrive_tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from run_command import Run

PRINTING = "print 'a' ; print 10 ; print 'b' ; nop ; nop ; print 'c' ; print 10 ; shutdown 3 ; b ."


@pytest.fixture
def load(no_input: None, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return what continues a saved guest: exit status, standard output, standard error."""

    def load_file(file: str, *options: str) -> tuple[int, str, str]:
        status = main(
            ["run", "--engine", "reference", "--max-instructions", "20000", "--load", file, *options]
        )
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return load_file


def instructions(output: str) -> int:
    match = re.search(r"after (\d+) instructions", output)
    assert match
    return int(match[1])


def test_saved_guest_runs_on_and_continues_from_there(run: Run, load: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    status, output, errors = run(PRINTING, "--save", file, "--save-at", "37")
    assert (status, errors) == (67, "")
    assert output.startswith("a\nbc\nparadrive: guest powered off")
    continued, rest, errors = load(file)
    assert (continued, errors) == (67, "")
    # What there is of the line that the guest was printing stands on the terminal again.
    assert rest.startswith(("bc\nparadrive: guest powered off", "c\nparadrive: guest powered off"))
    assert instructions(rest) == instructions(output)


def test_guest_is_saved_at_the_end_of_a_run_that_is_not_its_own(run: Run, load: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    assert run(PRINTING, "--max-instructions", "37", "--save", file)[0] == 5
    assert load(file)[0] == 67


def test_loaded_guest_can_be_saved_again(run: Run, load: Run, tmp_path: Path) -> None:
    one, two = (str(tmp_path / name) for name in ("one", "two"))
    run(PRINTING, "--save", one, "--save-at", "30")
    load(one, "--save", two, "--save-at", "40")
    assert load(two)[0] == 67


def test_panic_is_seen_although_its_line_began_before_the_save(run: Run, load: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    program = (
        "text: lis 6, string@h ; ori 6, 6, string@l ; lis 4, uart@ha\n"
        "next: lbz 5, 0(6) ; addi 6, 6, 1 ; cmpwi 5, 0 ; beq done ; stb 5, uart@l(4) ; b next\n"
        'done: shutdown 0 ; b .\nstring: .asciz "Kernel panic - not syncing: gone\\n"'
    )
    assert run(program, "--save", file, "--save-at", "100")[0] == 4
    status, output, _ = load(file)
    assert status == 4
    assert output.startswith("Kernel panic - not syncing: gone\nparadrive: guest panicked (Kernel panic")


def test_symbols_of_the_saved_kernel_are_known_without_its_file(run: Run, load: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    run("spin: b spin", "--save", file)
    (tmp_path / "guest.elf").unlink()
    assert "at spin (0x" in load(file)[1]


def test_run_that_ends_before_the_instruction_of_the_save_says_so(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "state"
    status, _, errors = run("shutdown 0 ; b .", "--save", str(file), "--save-at", "5000")
    assert status == 0
    assert errors.startswith(f"paradrive: warning: {file}: ")
    assert errors.count("\n") == 1
    assert not file.exists()


@pytest.mark.parametrize("option", ["kernel", "initrd", "dtb", "append"])
def test_saved_guest_cannot_be_described_anew(load: Run, option: str) -> None:
    status, output, errors = load("file", f"--{option}", "x")
    assert (status, output) == (2, "")
    assert errors.startswith(f"paradrive: error: --{option}: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "other", "saved"), [("--machine", "mpc8544ds", "ppce500"), ("--cpu", "e500mc", "e500v2")]
)
def test_machine_and_cpu_have_to_be_those_of_the_saved_guest(
    run: Run, load: Run, tmp_path: Path, option: str, other: str, saved: str
) -> None:
    file = str(tmp_path / "state")
    run("shutdown 3 ; b .", "--save", file, "--save-at", "10")
    assert load(file, option, saved)[0] == 67
    status, _, errors = load(file, option, other)
    assert status == 2
    assert errors.startswith(f"paradrive: error: {option}: ")
    assert other in errors and saved in errors


def test_bad_files_and_options_are_one_line(run: Run, load: Run, tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_bytes(b"something")
    status, _, errors = load(str(file))
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith(f"paradrive: error: {file}: ")
    missing = tmp_path / "missing" / "state"
    status, _, errors = run("shutdown 0 ; b .", "--save", str(missing))
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith(f"paradrive: error: {missing}: ")
    status, _, errors = run("shutdown 0 ; b .", "--save-at", "1")
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith("paradrive: error: --save-at: ")

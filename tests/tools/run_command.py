# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run`` as tests call it: with a tiny guest and no input."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest

from paradrive_tools.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


#: A program that prints the string at the label ``string``, which is to follow, and then ends.
PRINT_STRING = (
    "text: lis 6, string@h ; ori 6, 6, string@l ; lis 4, uart@ha\n"
    "next: lbz 5, 0(6) ; addi 6, 6, 1 ; cmpwi 5, 0 ; beq done ; stb 5, uart@l(4) ; b next\n"
    "done: shutdown 0 ; b .\n"
)


class Run(Protocol):
    def __call__(self, program: str, *options: str) -> tuple[int, str, str]: ...


@pytest.fixture
def no_input() -> Iterator[None]:
    """Let standard input be empty, whatever it is for pytest."""
    saved, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    yield
    os.dup2(saved, 0)
    os.close(nothing)
    os.close(saved)


@pytest.fixture
def files(tmp_path: Path, ppce500: bytes) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in ("initrd", "dtb")}
    paths["initrd"].write_bytes(b"cpio")
    paths["dtb"].write_bytes(ppce500)
    return paths


@pytest.fixture
def run(
    no_input: None,
    assemble: Callable[[str], Path],
    map_devices: str,
    files: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Return what runs a program from the command line: exit status, standard output, standard error."""

    def run_program(program: str, *options: str) -> tuple[int, str, str]:
        kernel = str(assemble(map_devices + program))
        arguments = ["run", "--engine", "reference", "--max-instructions", "20000", "--kernel", kernel]
        for name, path in files.items():
            arguments += [f"--{name}", str(path)]
        status = main([*arguments, *options])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run_program

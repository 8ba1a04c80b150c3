# SPDX-License-Identifier: GPL-2.0-or-later
"""Source lines of a module's code, told by its debugging information."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from paradrive.guest import source_lines as tested
from paradrive.guest.source_lines import SourceLine, source_lines

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
static inline __attribute__((always_inline)) void store(volatile int *place)
{
	*place = 1;
}

void caller(volatile int *place)
{
	store(place);
}

__attribute__((section(".exit.text"))) void leave(volatile int *place)
{
	*place = 2;
}
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an object file: relocatable, as a module is."""
    source = tmp_path_factory.mktemp("module") / "small.c"
    source.write_text(SOURCE, encoding="ascii")
    built = source.with_suffix(".ko")
    subprocess.run(["powerpc-linux-gnu-gcc", "-g", "-O2", "-c", str(source), "-o", str(built)], check=True)
    return built


def instructions(module: Path, section: str) -> list[int]:
    """Return the offsets of the instructions that store a word."""
    command = ["powerpc-linux-gnu-objdump", "-d", "-j", section, str(module)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(line.partition(":")[0], 16) for line in listing.splitlines() if "\tstw" in line]


def test_an_instruction_of_an_inline_function_has_its_line_and_the_callers(module: Path) -> None:
    (offset,) = instructions(module, ".text")
    file = module.with_suffix(".c")
    expected = [SourceLine(file, 3, "store"), SourceLine(file, 8, "caller")]
    assert source_lines(module, ".text", [offset]) == {offset: expected}


def test_names_of_functions_are_bounded(tmp_path: Path) -> None:
    source, built = tmp_path / "long.c", tmp_path / "long.ko"
    source.write_text(f"void {'x' * 100_000}(volatile int *place) {{ *place = 1; }}\n", encoding="ascii")
    subprocess.run(["powerpc-linux-gnu-gcc", "-g", "-O2", "-c", str(source), "-o", str(built)], check=True)
    ((line,),) = source_lines(built, ".text", [0]).values()
    assert line.function.startswith("xxx")
    assert len(line.function) <= 512


def test_lines_of_other_directories_than_the_drivers_are_left_out(tmp_path: Path) -> None:
    header = tmp_path / "include" / "header.h"
    header.parent.mkdir()
    header.write_text(SOURCE.partition("\n\n")[0] + "\n", encoding="ascii")
    source = tmp_path / "driver.c"
    source.write_text(
        '#include "include/header.h"\nvoid caller(volatile int *place)\n{\n\tstore(place);\n}\n',
        encoding="ascii",
    )
    built = tmp_path / "driver.ko"
    subprocess.run(["powerpc-linux-gnu-gcc", "-g", "-O2", "-c", str(source), "-o", str(built)], check=True)
    (offset,) = instructions(built, ".text")
    assert source_lines(built, ".text", [offset]) == {offset: [SourceLine(source, 4, "caller")]}


def test_sections_are_told_apart(module: Path) -> None:
    (offset,) = instructions(module, ".exit.text")
    (line,) = source_lines(module, ".exit.text", [offset])[offset]
    assert str(line) == "small.c:13 leave"


def test_an_offset_outside_of_the_code_has_no_line(module: Path) -> None:
    assert source_lines(module, ".text", [0x10000]) == {0x10000: []}


@pytest.mark.parametrize("contents", [b"", b"no ELF at all", b"\x7fELF" + bytes(60)])
def test_a_file_that_is_no_module_has_no_lines(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "broken.ko").write_bytes(contents)
    assert not any(source_lines(tmp_path / "broken.ko", ".text", [0, 4]).values())


def test_without_addr2line_there_are_no_lines(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "ADDR2LINE", "/absent/addr2line")
    assert source_lines(module, ".text", [0]) == {}

# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel symbols: addresses told by name."""

from __future__ import annotations

import subprocess
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from paradrive.guest.symbols import Symbol, Symbols
from paradrive.testing.modules import LoadedModule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SYMBOLS = Symbols([Symbol(0x1000, "start", 0x20), Symbol(0x1040, "loop", 0), Symbol(0x1080, "last", 0x10)])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0x0FFF, None),
        (0x1000, "start"),
        (0x1004, "start+0x4"),
        (0x1044, "loop+0x4"),
        (0x108C, "last+0xc"),
        (0x1090, None),
    ],
)
def test_address_is_told_by_the_symbol_before_it(address: int, expected: str | None) -> None:
    assert SYMBOLS.describe(address) == expected


def test_symbols_are_read_from_an_elf_file(assemble: Callable[[str], Path]) -> None:
    program = "nop\n.type spin, @function\nspin: b spin\n.size spin, 4"
    symbols = Symbols.read(assemble(program).read_bytes())
    assert symbols.describe(4) == "spin"


def test_damaged_file_has_no_symbols(assemble: Callable[[str], Path]) -> None:
    contents = assemble("spin: b spin").read_bytes()
    for damaged in (b"", b"no ELF at all", contents[:60], contents[:52] + b"\xff" * (len(contents) - 52)):
        assert Symbols.read(damaged).describe(0) is None


def compress(elf: Path, *sections: str) -> bytes:
    """Return an ELF file in which these sections say that they are compressed."""
    contents = bytearray(elf.read_bytes())
    with elf.open("rb") as file:
        read = ELFFile(file)
        for index, section in enumerate(read.iter_sections()):
            if section.name in sections:
                header = read["e_shoff"] + index * read["e_shentsize"]
                flags = section["sh_flags"] | SH_FLAGS.SHF_COMPRESSED
                contents[header + 8 : header + 12] = flags.to_bytes(4, "big")
    return bytes(contents)


def peak_memory(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_name_is_as_long_as_a_kernel_s_and_printable(assemble: Callable[[str], Path]) -> None:
    contents = assemble(f"{'x' * 10_000}: nop\n" + '"a\x1b[2Jb": nop\n').read_bytes()
    symbols = Symbols.read(contents)
    assert symbols.describe(0) == "x" * 512
    assert symbols.describe(4) == "a\\x1b[2Jb"


def test_many_symbols_may_have_one_long_name(assemble: Callable[[str], Path]) -> None:
    long = b"x" * (1 << 17)
    elf = assemble(f"{long.decode()}: nop\n" + "".join(f"x{number}: nop\n" for number in range(1000)))
    contents = bytearray(elf.read_bytes())
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        start, size = table["sh_offset"], table["sh_size"]
        name = ELFFile(file).get_section_by_name(".strtab").data().index(long)
    for entry in range(start + 16, start + size, 16):
        contents[entry : entry + 4] = name.to_bytes(4, "big")
    assert peak_memory(lambda: Symbols.read(bytes(contents))) < 1 << 24


def test_sections_that_say_they_are_compressed_are_not_unpacked(assemble: Callable[[str], Path]) -> None:
    bomb = b"\0\0\0\1" + (1 << 26).to_bytes(4, "big") + bytes(4) + zlib.compress(bytes(1 << 26), 9)
    data = ",".join(map(str, bomb))
    elf = assemble(f'start: nop\n.section .exit.text, "ax"\n.byte {data}\n')
    contents = compress(elf, ".exit.text", ".text", ".symtab", ".strtab", ".shstrtab")
    assert peak_memory(lambda: Symbols.read(contents).with_module(contents, {".text": 0x1000})) < 1 << 24
    assert Symbols.read(contents).describe(0) == "start"
    module = LoadedModule("bomb", contents, {})
    assert peak_memory(lambda: module.is_built_as(elf)) < 1 << 24


SECTIONS = """
    nop
    .type here, @function ; here: nop ; .size here, 4
    .section .init.text, "ax" ; .type gone, @function ; gone: nop
    .section .exit.text, "ax" ; nop ; nop ; .type leave, @function ; leave: nop ; .size leave, 4
    .data ; .type datum, @object ; datum: .long 0 ; .size datum, 4
"""


def relocatable(source: str, directory: Path) -> bytes:
    """Return an object file, in which each section begins at 0, as in a module."""
    built = directory / "module.o"
    command = ["powerpc-linux-gnu-gcc", "-c", "-x", "assembler", "-", "-o", str(built)]
    subprocess.run(command, input=source.encode(), check=True)
    return built.read_bytes()


def test_symbols_of_a_module_are_where_its_sections_are(tmp_path: Path) -> None:
    module = relocatable(SECTIONS, tmp_path)
    both = SYMBOLS.with_module(module, {".text": 0xC5000000, ".exit.text": 0xC6000000})
    assert (both.address("here"), both.address("leave")) == (0xC5000004, 0xC6000008)
    assert both.address("start") == 0x1000
    assert both.describe(0xC5000004) == "here"
    for name in ("gone", "datum"):
        with pytest.raises(LookupError, match=name):
            both.address(name)
    with pytest.raises(LookupError):
        SYMBOLS.address("here")


def test_a_name_that_two_functions_have_is_not_guessed(tmp_path: Path) -> None:
    module = relocatable(SECTIONS, tmp_path)
    both = SYMBOLS.with_module(module, {".text": 0xC5000000}).with_module(module, {".text": 0xC7000000})
    with pytest.raises(LookupError, match="2 functions 'here'"):
        both.address("here")

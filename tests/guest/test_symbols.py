# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel symbols: addresses told by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.guest.symbols import Symbol, Symbols

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

# SPDX-License-Identifier: GPL-2.0-or-later
"""Decoder and disassembler against binutils: words of every instruction, and every word of the kernel."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

from paradrive.isa.decoder import instructions_of
from paradrive.isa.disassembler import disassemble
from paradrive.isa.instruction import E500MC, E500V2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from paradrive.isa.instruction import Instruction

OBJDUMP = shutil.which("powerpc-linux-gnu-objdump") or ""
pytestmark = pytest.mark.skipif(not OBJDUMP, reason="powerpc-linux-gnu-objdump is not installed")

SHF_EXECINSTR = 4

#: Ours -> objdump's with "raw", which shows the 64-bit architecture's basic mnemonics.
RAW_MNEMONICS = {"cmpw": "cmp", "cmpwi": "cmpi", "cmplw": "cmpl", "cmplwi": "cmpli"}
#: Where the two differ for a reason: the kinds of tlbilx have names of their own even with "raw", and
#: objdump takes only mfspr for reading an e500's time base.
EXPLAINED = {
    ("tlbilx", "tlbilxlpid"),
    ("tlbilx", "tlbilxpid"),
    ("tlbilx", "tlbilxva"),
    ("mftb", ".long"),
}

#: What the assembler takes for a field, where that is not everything: by mnemonic ("": any) and field.
PERMITTED = {
    ("", "rA"): range(1, 31),
    ("", "BO"): (0b00000, 0b00010, 0b00100, 0b01000, 0b01010, 0b01100, 0b10000, 0b10010, 0b10100),
    ("bcctr", "BO"): (0b00100, 0b01100, 0b10100),
    ("", "CT"): (0,),
    ("", "MO"): (0,),
    ("mtfsf", "L"): (0,),
    ("", "T"): (0, 1, 3),
    ("mftb", "SPR"): (268, 269),
}


def objdump(words: Iterable[int], core: str, directory: Path) -> Iterator[tuple[int, str, str]]:
    """Yield each word with objdump's mnemonic and operands."""
    binary = directory / "words.bin"
    binary.write_bytes(b"".join(word.to_bytes(4, "big") for word in words))
    options = ["-D", "-z", "-b", "binary", "-m", "powerpc", "-EB", "-M", f"{core.replace('v2', '')},raw"]
    output = subprocess.run([OBJDUMP, *options, binary], stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in output.splitlines():
        _address, *columns = line.split("\t")
        if len(columns) >= 2:
            mnemonic, _, operands = columns[1].partition(" ")
            yield int(columns[0].replace(" ", ""), 16), mnemonic, operands.strip()


def mnemonic_of(word: int, core: str) -> str:
    """Return our mnemonic as objdump would call it."""
    ours = disassemble(word, core).split()[0]
    return RAW_MNEMONICS.get(ours, ours)


def some_words(instruction: Instruction) -> Iterator[int]:
    """Yield words with random operands, in which the assembler's own restrictions are kept to."""
    encoding = instruction.encoding
    source = random.Random(instruction.syntax)
    for _ in range(8):
        word = encoding.match
        for field in encoding.fields.values():
            permitted = PERMITTED.get((instruction.mnemonic, field.name)) or PERMITTED.get(("", field.name))
            if field.name in ("rT", "rS") and "rA" in encoding.fields:
                permitted = [31]  # differs from rA, as the forms with update demand, and is last, as lmw does
            word |= field.insert(source.choice(permitted or range(1 << field.width)))
        yield word


def differences(words: Iterable[int], core: str, directory: Path) -> set[tuple[str, str]]:
    """Return each mnemonic of ours with another one that objdump gives to the same word."""
    pairs = {(mnemonic_of(word, core), theirs) for word, theirs, _operands in objdump(words, core, directory)}
    return {(ours, theirs) for ours, theirs in pairs if ours != theirs} - EXPLAINED


@pytest.mark.parametrize("core", [E500V2, E500MC])
def test_every_instruction_is_called_as_objdump_calls_it(core: str, tmp_path: Path) -> None:
    words = [word for instruction in instructions_of(core) for word in some_words(instruction)]
    assert differences(words, core, tmp_path) == set()


#: Instructions whose operands both tools write in the same order, with the same names.
COMPARABLE = re.compile(
    r"^(add|sub|mul|div|neg|and|or|xor|nand|nor|eqv|ext|cnt|rlw|slw|srw|sraw|lb|lh|lw|lmw|stb|sth|stw|stmw|isel)"
)
CONDITION_BITS = {"lt": 0, "gt": 1, "eq": 2, "so": 3}


def plain(operands: str) -> str:
    """Write operands the way we do: a base of zero as r0 outside of addresses, CR bits by number."""

    def condition_bit(match: re.Match[str]) -> str:
        return str(4 * int(match[1] or 0) + CONDITION_BITS[match[2]])

    return re.sub(r"(?:4\*cr(\d)\+)?\b(lt|gt|eq|so)\b", condition_bit, operands)


def test_operands_of_computing_and_accessing_instructions_are_those_of_objdump(tmp_path: Path) -> None:
    chosen = [i for i in instructions_of(E500V2) if COMPARABLE.match(i.mnemonic) and i.mnemonic != "lwarx"]
    words = [word for instruction in chosen for word in some_words(instruction)]
    compared = 0
    for word, _mnemonic, theirs in objdump(words, E500V2, tmp_path):
        ours = disassemble(word, E500V2).partition(" ")[2]
        assert ours == plain(theirs), f"{word:08x}"
        compared += 1
    assert compared == len(words) > 500


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x48000011, "bl 0xc0001010"),
        (0x4BFFFFFC, "b 0xc0000ffc"),
        (0x48000102, "ba 0x100"),
        (0x4182FFF8, "bc 12,2,0xc0000ff8"),
        (0x4E800020, "bclr 20,0"),
        (0x3860FFFF, "addi r3,r0,-1"),
        (0x2F830007, "cmpwi cr7,r3,7"),
        (0x7C0802A6, "mfspr r0,lr"),
        (0x7C600124, "mtmsr r3"),
        (0x00000000, ".long 0x00000000"),
        (0xC0000000, ".long 0xc0000000"),
    ],
)
def test_text_of_instructions(word: int, text: str) -> None:
    assert disassemble(word, E500V2, 0xC0001000) == text


def words_of_code(vmlinux: Path) -> list[int]:
    words: set[int] = set()
    with vmlinux.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if section["sh_flags"] & SHF_EXECINSTR:
                code = memoryview(section.data())
                words.update(int.from_bytes(code[at : at + 4], "big") for at in range(0, len(code) - 3, 4))
    return sorted(words)


def test_every_word_of_the_kernel_is_called_as_objdump_calls_it(vmlinux: Path, tmp_path: Path) -> None:
    words = words_of_code(vmlinux)
    assert len(words) > 50_000
    assert differences(words, E500V2, tmp_path) == set()

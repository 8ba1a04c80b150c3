# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction words as assembler text, from the syntax that each declaration gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paradrive.isa.decoder import decode
from paradrive.isa.spr import SPRS

if TYPE_CHECKING:
    from paradrive.isa.instruction import Instruction

_SUFFIXES = {"Rc": ".", "OE": "o", "LK": "l", "AA": "a"}
_SIGNED = {"SI", "D"}
_BRANCH_TARGETS = {"LI", "BD"}


def disassemble(word: int, core: str, address: int = 0) -> str:
    """Return the text of ``word`` at effective address ``address``: "rlwinm. r3,r4,5,0,31".

    A word that is no instruction of ``core`` gives ".long 0x...".
    """
    instruction = decode(word, core)
    if instruction is None:
        return f".long {word:#010x}"
    mnemonic, _, operands = instruction.syntax.partition(" ")
    fields = instruction.encoding.fields

    def suffix(match: re.Match[str]) -> str:
        return _SUFFIXES[match[1]] if fields[match[1]].extract(word) else ""

    mnemonic = re.sub(r"\{(\w+)\}", suffix, mnemonic)
    text = re.sub(r"\w+", lambda match: _operand(instruction, match[0], word, address), operands)
    return f"{mnemonic} {text}" if text else mnemonic


def _operand(instruction: Instruction, name: str, word: int, address: int) -> str:
    """Return the text of the operand ``name``."""
    field = instruction.encoding.fields[name]
    value = field.extract(word)
    if name in _SIGNED | _BRANCH_TARGETS and value >> field.width - 1:
        value -= 1 << field.width
    if name in _BRANCH_TARGETS:
        absolute = instruction.encoding.fields["AA"].extract(word)
        return f"{(value * 4 + (0 if absolute else address)) & 0xFFFFFFFF:#x}"
    if name in ("BF", "BFA"):
        return f"cr{value}"
    if name == "SPR":
        return SPRS[value].name.lower() if value in SPRS else str(value)
    if name.startswith("fr"):
        return f"f{value}"
    return f"r{value}" if name[0] == "r" else str(value)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction words made of the declarations themselves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from paradrive.isa.decoder import DECLARING_MODULES
from paradrive.isa.instruction import INSTRUCTIONS

if TYPE_CHECKING:
    from paradrive.isa.instruction import Instruction


@cache
def _declaration(mnemonic: str) -> Instruction:
    assert DECLARING_MODULES  # importing them has filled the list
    return next(instruction for instruction in INSTRUCTIONS if instruction.mnemonic == mnemonic)


def word(mnemonic: str, **fields: int) -> int:
    """Return the word of an instruction with these fields, the others zero: ``word("addi", rT=3, SI=-1)``."""
    encoding = _declaration(mnemonic).encoding
    result = encoding.match
    for name, value in fields.items():
        result |= encoding.fields[name].insert(value)
    return result


def branch(origin: int, target: int) -> int:
    """Return an unconditional branch at ``origin`` to ``target``."""
    return word("b", LI=target - origin >> 2)


def load_constant(register: int, value: int) -> list[int]:
    """Return what loads a word."""
    high = word("addis", rT=register, SI=value >> 16)
    return [high, word("ori", rA=register, rS=register, UI=value)]


def load(register: int, address: int, base: int = 0) -> int:
    """Return lwz: the word at ``address`` from what the register ``base`` holds, 0 for none."""
    return word("lwz", rT=register, rA=base, D=address)


def store(register: int, address: int, base: int = 0) -> int:
    """Return stw: as ``load``."""
    return word("stw", rS=register, rA=base, D=address)

# SPDX-License-Identifier: GPL-2.0-or-later
"""From an instruction word to its declaration: the table that all users of the instruction set share."""

from __future__ import annotations

from functools import cache

from paradrive.isa import (
    arithmetic,
    branch,
    floating_load_store,
    floating_point,
    floating_status,
    load_store,
    logical,
    system,
)
from paradrive.isa.instruction import INSTRUCTIONS, REFUSING_RESERVED_BITS, Instruction

#: The modules whose import declares the instructions.
DECLARING_MODULES = (
    arithmetic,
    logical,
    branch,
    load_store,
    system,
    floating_load_store,
    floating_point,
    floating_status,
)


@cache
def instructions_of(core: str) -> tuple[Instruction, ...]:
    """Return every instruction which ``core`` ("e500v2", "e500mc") implements, with the words it takes."""
    implemented = (instruction for instruction in INSTRUCTIONS if core in instruction.cores)
    if core not in REFUSING_RESERVED_BITS:
        return tuple(implemented)
    return tuple(each._replace(encoding=each.encoding.refusing_reserved_bits()) for each in implemented)


@cache
def _by_primary_opcode(core: str) -> dict[int, list[Instruction]]:
    table: dict[int, list[Instruction]] = {}
    for instruction in instructions_of(core):
        table.setdefault(instruction.encoding.primary_opcode, []).append(instruction)
    return table


def decode(word: int, core: str) -> Instruction | None:
    """Return the instruction that ``word`` (32 bits) encodes on ``core``, None if it has no such one."""
    for instruction in _by_primary_opcode(core).get(word >> 26, ()):
        if instruction.matches(word):
            return instruction
    return None

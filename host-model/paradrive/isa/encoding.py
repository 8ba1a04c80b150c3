# SPDX-License-Identifier: GPL-2.0-or-later
"""Instruction encodings, written as the manual draws them.

``"011111 rS:5 rA:5 rB:5 0000011100 Rc:1"`` lists the 32 bits of an instruction from the most
significant one: literal bits, ``name:width`` for a field, ``/`` for a reserved bit, and ``-`` for a
bit of a hint, which never matters.
"""

from __future__ import annotations

from typing import NamedTuple

#: Fields whose two halves of five bits stand swapped in the instruction (Power ISA, mfspr, mftb, mfpmr).
SPLIT_FIELDS = frozenset({"SPR", "TBR", "PMR"})


class Field(NamedTuple):
    """A field of an instruction: ``width`` bits, ``shift`` bits above the least significant one."""

    name: str
    shift: int
    width: int

    def extract(self, word: int) -> int:
        """Return the field's value in the instruction ``word``, unsigned."""
        value = word >> self.shift & (1 << self.width) - 1
        return swap_halves(value) if self.name in SPLIT_FIELDS else value

    def insert(self, value: int) -> int:
        """Return an instruction word in which only this field is set, to ``value``."""
        if self.name in SPLIT_FIELDS:
            value = swap_halves(value)
        return (value & (1 << self.width) - 1) << self.shift


def swap_halves(value: int) -> int:
    """Exchange the two halves of a ten-bit field."""
    return value >> 5 & 0x1F | (value & 0x1F) << 5


class Encoding(NamedTuple):
    """A parsed encoding: a word matches when ``word & mask == match``; ``reserved`` are its reserved bits."""

    mask: int
    match: int
    fields: dict[str, Field]
    reserved: int = 0

    @property
    def primary_opcode(self) -> int:
        """The six most significant bits."""
        return self.match >> 26

    @classmethod
    def parse(cls, pattern: str) -> Encoding:
        """Parse ``pattern`` (see the module's docstring); ValueError if it does not have 32 bits."""
        known, fields = "", {}
        position = 32
        for token in pattern.split():
            name, colon, width = token.partition(":")
            bits = "-" * int(width) if colon else token
            position -= len(bits)
            if colon:
                fields[name] = Field(name, position, len(bits))
            known += bits
        if position != 0:
            raise ValueError(f"encoding {pattern!r} has {32 - position} bits, not 32")

        def ones(kinds: str) -> int:
            return int("".join("1" if bit in kinds else "0" for bit in known), 2)

        if set(known) - set("01/-"):
            raise ValueError(f"encoding {pattern!r} has bits of an unknown kind")
        return cls(ones("01"), ones("1"), fields, ones("/"))

    def refusing_reserved_bits(self) -> Encoding:
        """Return the encoding which a word matches only if its reserved bits are zero."""
        return self._replace(mask=self.mask | self.reserved)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Values at the edges, where instructions go wrong, and random ones."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from paradrive.isa.fpscr import NI, RN, summarised
from paradrive.isa.spr import SPRS

if TYPE_CHECKING:
    import random

EDGES = (
    *(0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF),
    *(31, 32, 33, 63, 64, 0x7FFF, 0x8000, 0xFFFF, 0xFFFF8000, 0x55555555, 0xAAAAAAAA),
)

#: Magnitudes in double format, to which either sign is added.
_MAGNITUDES = (
    *(0x0000000000000000, 0x0000000000000001, 0x000FFFFFFFFFFFFF),  # zero, least and largest denormal
    *(0x0010000000000000, 0x0010000000000001, 0x7FEFFFFFFFFFFFFF),  # least normal numbers, largest
    *(0x7FF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001),  # infinity, quiet and signalling NaN
    *(0x7FFFFFFFFFFFFFFF, 0x7FF7FFFFFFFFFFFF),  # NaNs of many bits
    *(0x3FF0000000000000, 0x3FF0000000000001, 0x3FEFFFFFFFFFFFFF, 0x4000000000000000),  # around 1, and 2
    *(0x36A0000000000000, 0x3690000000000000, 0x3690000000000001),  # single: least denormal, half of it
    *(0x380FFFFFC0000000, 0x3810000000000000, 0x380FFFFFE0000000),  # single: largest denormal, least normal
    *(0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x47EFFFFFEFFFFFFF),  # single: largest, and where it overflows
    *(0x3FF0000010000000, 0x3FF0000030000000, 0x3FF000001FFFFFFF),  # single: halfway between two numbers
    *(0x3FE0000000000000, 0x3FF8000000000000, 0x4004000000000000),  # halfway between two integers
    *(0x41DFFFFFFFC00000, 0x41E0000000000000, 0x41DFFFFFFFE00000, 0x41E0000000200000),  # around 2^31
)
#: Zero, infinity, a quiet and a signalling NaN: the exceptions depend on which of them meet.
_SPECIAL_MAGNITUDES = (0x0000000000000000, 0x7FF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001)
_SIGNS = (0, 1 << 63)
FLOATING_EDGES = tuple(magnitude | sign for magnitude in _MAGNITUDES for sign in _SIGNS)
SPECIAL_FLOATING_EDGES = tuple(magnitude | sign for magnitude in _SPECIAL_MAGNITUDES for sign in _SIGNS)

USER_SPRS = sorted(number for number, register in SPRS.items() if not register.privileged)
_GPRS, _FPRS = Struct(">32I"), Struct(">32Q")


def random_gprs(source: random.Random) -> list[int]:
    """Return 32 words."""
    return list(_GPRS.unpack(source.randbytes(_GPRS.size)))


def random_fprs(source: random.Random) -> list[int]:
    """Return 32 doublewords."""
    return list(_FPRS.unpack(source.randbytes(_FPRS.size)))


def random_floating_edge(source: random.Random) -> int:
    """Return an edge value, half of the time a special one: these shall meet in all three operands."""
    return source.choice(SPECIAL_FLOATING_EDGES if source.getrandbits(1) else FLOATING_EDGES)


def random_double(source: random.Random) -> int:
    """Return a number whose exponent lets it meet others: near 1, or near the limits of single format.

    Half of them are exact in single format.
    """
    exponent = source.choice((1023, 1023, 1023 - 126, 1023 + 127, 1)) + source.randrange(-60, 60)
    value = source.getrandbits(1) << 63 | max(0, exponent) << 52 | source.getrandbits(52)
    return value & ~0x1FFFFFFF if source.getrandbits(1) else value


def random_fpscr(source: random.Random) -> int:
    """Return an FPSCR: any rounding mode, half of the time nothing enabled, no non-IEEE mode."""
    value = summarised(source.getrandbits(32) & ~NI)
    return value & RN if source.getrandbits(1) else value


def field_value(source: random.Random, name: str, width: int) -> int:
    """Return a value for the field of an instruction; those of registers are all alike."""
    if name == "SPR" and source.randrange(4):
        return source.choice(USER_SPRS)
    if not is_register(name) and source.getrandbits(1):
        top = 1 << width - 1
        return source.choice((0, 1, top - 1, top, 2 * top - 2, 2 * top - 1)) & 2 * top - 1
    return source.randrange(1 << width)


def is_register(field: str) -> bool:
    """Tell whether the field of this name is the number of a general-purpose register."""
    return field[0] == "r"


def is_floating_register(field: str) -> bool:
    """Tell whether the field of this name is the number of a floating-point register."""
    return field.startswith("fr")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Operands which are computed from an instruction word rather than cut out of it.

Each is written over an abstract word, as the declarations are, so that either engine can write it down in
its own language. An instruction may use one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.isa.semantics import Word


def sign_extended_low_half(word: Word) -> Word:
    """SI and D: the low 16 bits, sign-extended (Power ISA 1.6.1, D-form)."""
    return word.sign_extend(16)


def low_half(word: Word) -> Word:
    """UI: the low 16 bits (Power ISA 1.6.1, D-form)."""
    return word & 0xFFFF


def branch_displacement(word: Word) -> Word:
    """BD: bits 16 to 29, times four, sign-extended (B-form)."""
    return (word & 0xFFFC).sign_extend(16)


def long_branch_displacement(word: Word) -> Word:
    """LI: bits 6 to 29, times four, sign-extended (I-form)."""
    return (word & 0x3FFFFFC).sign_extend(26)


def rotate_mask(word: Word) -> Word:
    """MASK: ones from bit MB to bit ME, wrapping around where MB > ME (M-form, Power ISA 3.3.12)."""
    first, last = word >> 6 & 31, word >> 1 & 31
    from_first = ~(word & 0) >> first
    up_to_last = ~(word & 0) << ((last ^ 31) & 31)
    return last.unsigned_less(first).select(from_first | up_to_last, from_first & up_to_last)


#: Name in the semantics -> (fields it is made of, how it is computed).
COMPUTED_OPERANDS: dict[str, tuple[tuple[str, ...], Callable[[Word], Word]]] = {
    "SI": (("SI",), sign_extended_low_half),
    "D": (("D",), sign_extended_low_half),
    "UI": (("UI",), low_half),
    "BD": (("BD",), branch_displacement),
    "LI": (("LI",), long_branch_displacement),
    "MASK": (("MB", "ME"), rotate_mask),
}

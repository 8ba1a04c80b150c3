# SPDX-License-Identifier: GPL-2.0-or-later
"""What a difference between QEMU and a manual is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive_dev.fidelity.case import Case
    from paradrive_dev.fidelity.comparison import Mismatch

#: Masks of the bits that differ, by the names of `Mismatch.differences`.
Bits = dict[str, int]


class Difference(NamedTuple):
    """A difference between QEMU and a manual.

    ``explains`` returns which bits of a mismatch of one of ``mnemonics`` it may explain.
    """

    key: str
    mnemonics: tuple[str, ...]
    explains: Callable[[Mismatch], Bits]
    #: What QEMU does, what the model does, and where the manual says which of them is right.
    qemu: str
    model: str
    section: str
    #: What to call the mnemonics where they are too many to be listed.
    family: str = ""


def everything(mismatch: Mismatch, applies: bool) -> Bits:
    """Return all bits that differ if the difference ``applies``, otherwise none."""
    if not applies:
        return {}
    return {name: values.expected ^ values.got for name, values in mismatch.differences.items()}


def field(case: Case, name: str) -> int:
    """Return the value of a field of the case's instruction, 0 if it does not have one of this name."""
    fields = case.instruction.encoding.fields
    return fields[name].extract(case.word) if name in fields else 0

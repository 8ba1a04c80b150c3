# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not executed as a case, and why: instructions that cannot be, and invalid forms.

The architecture leaves open what an invalid form does (Power ISA 2.06, Book I, 1.8.2), so there is
nothing to compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.isa.branch import DECREMENT_CTR_NOT
from paradrive.isa.spr import TBL_READ, TBU_READ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.isa.instruction import Instruction

#: Instructions of which there are no cases: mnemonic and reason.
SKIPPED_INSTRUCTIONS = {
    "sc": "it asks QEMU's Linux for a service; the programs of cases end with it",
    "wait": "qemu-ppc aborts; nothing would wake the program",
}

_TIME_BASES = {TBL_READ, TBU_READ, 526, 527}


def invalid_form(instruction: Instruction, fields: Mapping[str, int], *, updates_base: bool) -> str | None:
    """Return why these operands are not executed, None if they are."""
    mnemonic = instruction.mnemonic
    base = fields.get("rA")
    if updates_base and base == 0:
        return "invalid form: update with rA = 0 (Power ISA 2.06, Book I, 3.3.2 and 3.3.3)"
    if updates_base and base == fields.get("rT"):
        return "invalid form: load with update and rA = rT (Power ISA 2.06, Book I, 3.3.2)"
    if mnemonic == "lmw" and base is not None and (base >= fields["rT"] or base == fields["rT"] == 0):
        return "invalid form: rA among the registers that lmw loads (Power ISA 2.06, Book I, 3.3.5)"
    if mnemonic == "bcctr" and not fields["BO"] & DECREMENT_CTR_NOT:
        return "invalid form: bcctr that decrements CTR (Power ISA 2.06, Book I, 2.4)"
    if "SPR" in fields and "rT" in fields and fields["SPR"] in _TIME_BASES:
        return "the time base shows the time, which differs"
    return None

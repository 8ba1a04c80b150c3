# SPDX-License-Identifier: GPL-2.0-or-later
"""Branch, system call, trap and condition register instructions (Power ISA 2.06, Book I, 2 and 3.3.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.isa.instruction import insn

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context, Word

DECREMENT_CTR_NOT = 0b00100
CTR_IS_ZERO = 0b00010
CONDITION_IGNORED = 0b10000
CONDITION_TRUE = 0b01000


def without_hints(bo: int) -> int:
    """Reduce a BO field to what decides the branch: hint bits and ignored bits become zero."""
    if bo & CONDITION_IGNORED:
        bo &= ~CONDITION_TRUE
    if bo & DECREMENT_CTR_NOT:
        bo &= ~CTR_IS_ZERO
    return bo & ~1


def branch_conditional(cpu: Context, i: Any, target: Word) -> None:
    """Branch to ``target`` if CTR and CR bit BI are as BO asks (Power ISA 2.4); with LK set LR."""
    condition = None
    if not i.BO & DECREMENT_CTR_NOT:
        count = cpu.ctr - 1
        cpu.ctr = count
        is_zero = count.equals(0)
        condition = is_zero if i.BO & CTR_IS_ZERO else is_zero ^ 1
    if not i.BO & CONDITION_IGNORED:
        bit = cpu.cr[i.BI] if i.BO & CONDITION_TRUE else cpu.cr[i.BI] ^ 1
        condition = bit if condition is None else condition & bit
    if i.LK:
        cpu.lr = cpu.current_instruction_address + 4
    cpu.branch(target, condition)


@insn("b{LK}{AA} LI", "010010 LI:24 AA:1 LK:1")
def _(cpu: Context, i: Any) -> None:
    """Branch."""
    target = cpu.constant(0) + i.LI if i.AA else cpu.current_instruction_address + i.LI
    if i.LK:
        cpu.lr = cpu.current_instruction_address + 4
    cpu.branch(target)


@insn("bc{LK}{AA} BO,BI,BD", "010000 BO:5 BI:5 BD:14 AA:1 LK:1", specialise={"BO": without_hints})
def _(cpu: Context, i: Any) -> None:
    """Branch conditional."""
    target = cpu.constant(0) + i.BD if i.AA else cpu.current_instruction_address + i.BD
    branch_conditional(cpu, i, target)


@insn("bclr{LK} BO,BI", "010011 BO:5 BI:5 ///-- 0000010000 LK:1", specialise={"BO": without_hints})
def _(cpu: Context, i: Any) -> None:
    """Branch conditional to link register."""
    branch_conditional(cpu, i, cpu.lr & 0xFFFFFFFC)


@insn("bcctr{LK} BO,BI", "010011 BO:5 BI:5 ///-- 1000010000 LK:1", specialise={"BO": without_hints})
def _(cpu: Context, i: Any) -> None:
    """Branch conditional to count register."""
    branch_conditional(cpu, i, cpu.ctr & 0xFFFFFFFC)


@insn("sc", "010001 ////////// ////////// //// 1 /", compiled=False)
def _(cpu: Context, i: Any) -> None:
    """System call."""
    cpu.system_call()


def trap_word(cpu: Context, i: Any, a: Word, b: Word) -> None:
    """Trap if one of the comparisons that TO names holds (Power ISA 3.3.10.1)."""
    conditions = (a.signed_less(b), b.signed_less(a), a.equals(b), a.unsigned_less(b), b.unsigned_less(a))
    holds = cpu.constant(0)
    for number, condition in enumerate(conditions):
        holds = holds | condition & i.TO >> 4 - number
    cpu.trap_if(holds & 1)


@insn("tw TO,rA,rB", "011111 TO:5 rA:5 rB:5 0000000100 /")
def _(cpu: Context, i: Any) -> None:
    """Trap word."""
    trap_word(cpu, i, cpu.gpr[i.rA], cpu.gpr[i.rB])


@insn("twi TO,rA,SI", "000011 TO:5 rA:5 SI:16")
def _(cpu: Context, i: Any) -> None:
    """Trap word immediate."""
    trap_word(cpu, i, cpu.gpr[i.rA], i.SI)


@insn("crand BT,BA,BB", "010011 BT:5 BA:5 BB:5 0100000001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register AND."""
    cpu.cr[i.BT] = cpu.cr[i.BA] & cpu.cr[i.BB]


@insn("crandc BT,BA,BB", "010011 BT:5 BA:5 BB:5 0010000001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register AND with complement."""
    cpu.cr[i.BT] = cpu.cr[i.BA] & (cpu.cr[i.BB] ^ 1)


@insn("creqv BT,BA,BB", "010011 BT:5 BA:5 BB:5 0100100001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register equivalent."""
    cpu.cr[i.BT] = cpu.cr[i.BA] ^ cpu.cr[i.BB] ^ 1


@insn("crnand BT,BA,BB", "010011 BT:5 BA:5 BB:5 0011100001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register NAND."""
    cpu.cr[i.BT] = cpu.cr[i.BA] & cpu.cr[i.BB] ^ 1


@insn("crnor BT,BA,BB", "010011 BT:5 BA:5 BB:5 0000100001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register NOR."""
    cpu.cr[i.BT] = (cpu.cr[i.BA] | cpu.cr[i.BB]) ^ 1


@insn("cror BT,BA,BB", "010011 BT:5 BA:5 BB:5 0111000001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register OR."""
    cpu.cr[i.BT] = cpu.cr[i.BA] | cpu.cr[i.BB]


@insn("crorc BT,BA,BB", "010011 BT:5 BA:5 BB:5 0110100001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register OR with complement."""
    cpu.cr[i.BT] = cpu.cr[i.BA] | cpu.cr[i.BB] ^ 1


@insn("crxor BT,BA,BB", "010011 BT:5 BA:5 BB:5 0011000001 /")
def _(cpu: Context, i: Any) -> None:
    """Condition register XOR."""
    cpu.cr[i.BT] = cpu.cr[i.BA] ^ cpu.cr[i.BB]


@insn("mcrf BF,BFA", "010011 BF:3 // BFA:3 // ///// 0000000000 /")
def _(cpu: Context, i: Any) -> None:
    """Move condition register field."""
    values = [cpu.cr[i.BFA * 4 + bit] for bit in range(4)]
    for bit, value in enumerate(values):
        cpu.cr[i.BF * 4 + bit] = value


@insn("mcrxr BF", "011111 BF:3 // ///// ///// 1000000000 /")
def _(cpu: Context, i: Any) -> None:
    """Move to condition register from XER, whose SO, OV and CA become zero."""
    for bit, value in enumerate((cpu.so, cpu.ov, cpu.ca, cpu.constant(0))):
        cpu.cr[i.BF * 4 + bit] = value
    cpu.so = cpu.ov = cpu.ca = cpu.constant(0)


@insn("mfcr rT", "011111 rT:5 0 ///////// 0000010011 /")
def _(cpu: Context, i: Any) -> None:
    """Move from condition register."""
    value = cpu.constant(0)
    for bit in range(32):
        value = value | cpu.cr[bit] << 31 - bit
    cpu.gpr[i.rT] = value


def fields_with_code(fields: int) -> int | None:
    """Choose the field masks of mtcrf that get code: neighbouring fields, which compilers use."""
    lowest = fields & -fields
    return fields if fields and fields & fields + lowest == 0 else None


@insn("mtcrf FXM,rS", "011111 rS:5 0 FXM:8 / 0010010000 /", specialise={"FXM": fields_with_code})
def _(cpu: Context, i: Any) -> None:
    """Move to condition register fields."""
    value = cpu.gpr[i.rS]
    for bit in range(32):
        if i.FXM >> 7 - bit // 4 & 1:
            cpu.cr[bit] = value >> 31 - bit & 1

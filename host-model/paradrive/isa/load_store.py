# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixed-point loads and stores (Power ISA 2.06, Book I, 3.3.2 to 3.3.6) and reservations (Book II, 4.4.2).

Each access exists in four forms: displacement, displacement with update, indexed, indexed with
update. They are declared together from the size and the opcodes which the manual lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paradrive.isa.arithmetic import compare
from paradrive.isa.instruction import Semantics, insn
from paradrive.isa.semantics import Context, Word

#: Performs the access at an effective address.
Access = Callable[[Context, Any, Word], None]


def four_forms(
    mnemonic: str,
    register: str,
    opcode: int,
    extended: int,
    access: Access,
    what: str,
    declare: Callable[[str, str], Callable[[Semantics], Semantics]] = insn,
) -> None:
    """Declare the D-form ``opcode`` and the X-form ``extended`` of ``access``, and the two with update."""

    def with_update(cpu: Context, i: Any, address: Word) -> None:
        access(cpu, i, address)
        cpu.gpr[i.rA] = address

    def displacement(cpu: Context, i: Any) -> None:
        access(cpu, i, cpu.gpr_or_zero(i.rA) + i.D)

    def displacement_update(cpu: Context, i: Any) -> None:
        with_update(cpu, i, cpu.gpr[i.rA] + i.D)

    def indexed(cpu: Context, i: Any) -> None:
        access(cpu, i, cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])

    def indexed_update(cpu: Context, i: Any) -> None:
        with_update(cpu, i, cpu.gpr[i.rA] + cpu.gpr[i.rB])

    d_form, x_form = f"{register}:5 rA:5 D:16", f"{register}:5 rA:5 rB:5"
    for semantics, suffix, pattern, form in (
        (displacement, f" {register},D(rA)", f"{opcode:06b} {d_form}", ""),
        (displacement_update, f"u {register},D(rA)", f"{opcode + 1:06b} {d_form}", " with update"),
        (indexed, f"x {register},rA,rB", f"011111 {x_form} {extended:010b} /", " indexed"),
        (
            indexed_update,
            f"ux {register},rA,rB",
            f"011111 {x_form} {extended + 32:010b} /",
            " with update indexed",
        ),
    ):
        semantics.__doc__ = f"{what}{form}."
        declare(mnemonic + suffix, pattern)(semantics)


def loader(size: int, *, signed: bool = False) -> Access:
    """Return the access which loads ``size`` bytes into rT, zero- or sign-extended."""

    def access(cpu: Context, i: Any, address: Word) -> None:
        value = cpu.load(address, size)
        cpu.gpr[i.rT] = value.sign_extend(8 * size) if signed else value

    return access


def storer(size: int) -> Access:
    """Return the access which stores the low ``size`` bytes of rS."""

    def access(cpu: Context, i: Any, address: Word) -> None:
        cpu.store(address, cpu.gpr[i.rS], size)

    return access


four_forms("lbz", "rT", 34, 87, loader(1), "Load byte and zero")
four_forms("lhz", "rT", 40, 279, loader(2), "Load halfword and zero")
four_forms("lha", "rT", 42, 343, loader(2, signed=True), "Load halfword algebraic")
four_forms("lwz", "rT", 32, 23, loader(4), "Load word and zero")
four_forms("stb", "rS", 38, 215, storer(1), "Store byte")
four_forms("sth", "rS", 44, 407, storer(2), "Store halfword")
four_forms("stw", "rS", 36, 151, storer(4), "Store word")


@insn("lhbrx rT,rA,rB", "011111 rT:5 rA:5 rB:5 1100010110 /")
def _(cpu: Context, i: Any) -> None:
    """Load halfword byte-reverse indexed."""
    cpu.gpr[i.rT] = cpu.load(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], 2).swap_bytes(2)


@insn("lwbrx rT,rA,rB", "011111 rT:5 rA:5 rB:5 1000010110 /")
def _(cpu: Context, i: Any) -> None:
    """Load word byte-reverse indexed."""
    cpu.gpr[i.rT] = cpu.load(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], 4).swap_bytes(4)


@insn("sthbrx rS,rA,rB", "011111 rS:5 rA:5 rB:5 1110010110 /")
def _(cpu: Context, i: Any) -> None:
    """Store halfword byte-reverse indexed."""
    cpu.store(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], cpu.gpr[i.rS].swap_bytes(2), 2)


@insn("stwbrx rS,rA,rB", "011111 rS:5 rA:5 rB:5 1010010110 /")
def _(cpu: Context, i: Any) -> None:
    """Store word byte-reverse indexed."""
    cpu.store(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], cpu.gpr[i.rS].swap_bytes(4), 4)


@insn("lmw rT,D(rA)", "101110 rT:5 rA:5 D:16")
def _(cpu: Context, i: Any) -> None:
    """Load multiple word."""
    cpu.load_multiple(cpu.gpr_or_zero(i.rA) + i.D, i.rT)


@insn("stmw rS,D(rA)", "101111 rS:5 rA:5 D:16")
def _(cpu: Context, i: Any) -> None:
    """Store multiple word."""
    cpu.store_multiple(cpu.gpr_or_zero(i.rA) + i.D, i.rS)


@insn("lwarx rT,rA,rB", "011111 rT:5 rA:5 rB:5 0000010100 /")
def _(cpu: Context, i: Any) -> None:
    """Load word and reserve indexed."""
    cpu.gpr[i.rT] = cpu.load_and_reserve(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])


@insn("stwcx. rS,rA,rB", "011111 rS:5 rA:5 rB:5 0010010110 1")
def _(cpu: Context, i: Any) -> None:
    """Store word conditional indexed."""
    address = cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB]
    performed = cpu.store_conditional(address, cpu.gpr[i.rS])
    compare(cpu, 0, cpu.constant(0), cpu.constant(0), performed)

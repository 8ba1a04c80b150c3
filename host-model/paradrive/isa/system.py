# SPDX-License-Identifier: GPL-2.0-or-later
"""Supervisor, synchronisation and cache instructions (Power ISA 2.06, Books II and III-E; EREF)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.isa.instruction import E500MC, insn
from paradrive.isa.spr import compiled_read, compiled_write

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context

MSR_EE = 0x8000


@insn("mfspr rT,SPR", "011111 rT:5 SPR:10 0101010011 /", specialise={"SPR": compiled_read})
def _(cpu: Context, i: Any) -> None:
    """Move from special-purpose register."""
    cpu.gpr[i.rT] = cpu.read_spr(i.SPR)


@insn("mtspr SPR,rS", "011111 rS:5 SPR:10 0111010011 /", specialise={"SPR": compiled_write})
def _(cpu: Context, i: Any) -> None:
    """Move to special-purpose register."""
    cpu.write_spr(i.SPR, cpu.gpr[i.rS])


@insn(
    "mftb rT,SPR",
    "011111 rT:5 SPR:10 0101110011 /",
    cores=[E500MC],
    specialise={"SPR": compiled_read},
)
def _(cpu: Context, i: Any) -> None:
    """Move from time base; the same registers as mfspr reads. The e500v2 has only mfspr for it."""
    cpu.gpr[i.rT] = cpu.read_spr(i.SPR)


@insn("mfmsr rT", "011111 rT:5 ///// ///// 0001010011 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """Move from machine state register."""
    cpu.gpr[i.rT] = cpu.read_msr()


@insn("mtmsr rS", "011111 rS:5 ///// ///// 0010010010 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """Move to machine state register."""
    cpu.write_msr(cpu.gpr[i.rS])


@insn("wrtee rS", "011111 rS:5 ///// ///// 0010000011 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """Write MSR external enable."""
    cpu.write_external_enable(cpu.gpr[i.rS] & MSR_EE)


@insn("wrteei E", "011111 ///// ///// E:1 //// 0010100011 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """Write MSR external enable immediate."""
    cpu.write_external_enable(MSR_EE if i.E else 0)


@insn("rfi", "010011 ///// ///// ///// 0000110010 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """Return from interrupt."""
    cpu.return_from_interrupt("base")


@insn("rfci", "010011 ///// ///// ///// 0000110011 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """Return from critical interrupt."""
    cpu.return_from_interrupt("critical")


@insn("rfdi", "010011 ///// ///// ///// 0000100111 /", cores=[E500MC], privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """Return from debug interrupt."""
    cpu.return_from_interrupt("debug")


@insn("rfmci", "010011 ///// ///// ///// 0000100110 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """Return from machine check interrupt."""
    cpu.return_from_interrupt("machine_check")


@insn("wait WC", "011111 /// WC:2 ///// ///// 0000111110 /", cores=[E500MC], compiled=False)
def _(cpu: Context, i: Any) -> None:
    """Wait for an interrupt, whatever WC says; it returns behind the instruction (Book II, 4.4.4)."""
    cpu.wait_for_interrupt()


@insn("tlbwe", "011111 ///// ///// ///// 1111010010 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """TLB write entry."""
    cpu.tlb_write_entry()


@insn("tlbre", "011111 ///// ///// ///// 1110110010 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """TLB read entry."""
    cpu.tlb_read_entry()


@insn("tlbsx rA,rB", "011111 ///// rA:5 rB:5 1110010010 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """TLB search indexed."""
    cpu.tlb_search(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])


@insn("tlbivax rA,rB", "011111 ///// rA:5 rB:5 1100010010 /", privileged=True, compiled=False)
def _(cpu: Context, i: Any) -> None:
    """TLB invalidate virtual address indexed."""
    cpu.tlb_invalidate_address(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])


@insn(
    "tlbilx T,rA,rB", "011111 /// T:2 rA:5 rB:5 0000010010 /", cores=[E500MC], privileged=True, compiled=False
)
def _(cpu: Context, i: Any) -> None:
    """TLB invalidate local indexed."""
    cpu.tlb_invalidate_local(i.T, cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])


@insn("tlbsync", "011111 ///// ///// ///// 1000110110 /", privileged=True)
def _(cpu: Context, i: Any) -> None:
    """TLB synchronise; there is nothing to wait for, invalidations are immediate."""


@insn("isync", "010011 ///// ///// ///// 0010010110 /")
def _(cpu: Context, i: Any) -> None:
    """Instruction synchronise; instructions execute one after another as it is."""


@insn("msync", "011111 ///// ///// ///// 1001010110 /")
def _(cpu: Context, i: Any) -> None:
    """Memory synchronise; accesses happen in order as it is."""


@insn("mbar MO", "011111 MO:5 ///// ///// 1101010110 /")
def _(cpu: Context, i: Any) -> None:
    """Memory barrier; accesses happen in order as it is."""


def cache_hint(syntax: str, pattern: str, what: str) -> None:
    """Declare a hint to caches which the model does not have; it raises nothing (Book II, 4.3)."""

    def semantics(cpu: Context, i: Any) -> None:
        pass

    semantics.__doc__ = what
    insn(syntax, pattern)(semantics)


cache_hint("dcbt CT,rA,rB", "011111 CT:5 rA:5 rB:5 0100010110 /", "Data cache block touch.")
cache_hint("dcbtst CT,rA,rB", "011111 CT:5 rA:5 rB:5 0011110110 /", "Data cache block touch for store.")
cache_hint("icbt CT,rA,rB", "011111 CT:5 rA:5 rB:5 0000010110 /", "Instruction cache block touch.")


def cache_operation(
    syntax: str, pattern: str, what: str, *, store: bool = False, privileged: bool = False
) -> None:
    """Declare an operation on a cache block which translates like a load (or a store) and moves no data."""

    def semantics(cpu: Context, i: Any) -> None:
        cpu.touch_cache_block(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB], store=store)

    semantics.__doc__ = what
    insn(syntax, pattern, privileged=privileged)(semantics)


cache_operation("dcbf rA,rB", "011111 ///// rA:5 rB:5 0001010110 /", "Data cache block flush.")
cache_operation("dcbst rA,rB", "011111 ///// rA:5 rB:5 0000110110 /", "Data cache block store.")
cache_operation("icbi rA,rB", "011111 ///// rA:5 rB:5 1111010110 /", "Instruction cache block invalidate.")
cache_operation(
    "dcbi rA,rB",
    "011111 ///// rA:5 rB:5 0111010110 /",
    "Data cache block invalidate.",
    store=True,
    privileged=True,
)


def cache_locking(
    syntax: str, pattern: str, what: str, *, store: bool = False, instruction: bool = False
) -> None:
    """Declare an operation on the lock of a cache block; there is none, but users may not be allowed to."""

    def semantics(cpu: Context, i: Any) -> None:
        address = cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB]
        cpu.require_cache_locking(address, instruction=instruction)
        cpu.touch_cache_block(address, store=store)

    semantics.__doc__ = what
    insn(syntax, pattern, compiled=False)(semantics)


cache_locking("dcbtls CT,rA,rB", "011111 CT:5 rA:5 rB:5 0010100110 /", "Data cache block touch and lock set.")
cache_locking(
    "dcbtstls CT,rA,rB",
    "011111 CT:5 rA:5 rB:5 0010000110 /",
    "Data cache block touch for store and lock set.",
    store=True,
)
cache_locking("dcblc CT,rA,rB", "011111 CT:5 rA:5 rB:5 0110000110 /", "Data cache block lock clear.")
cache_locking(
    "icbtls CT,rA,rB",
    "011111 CT:5 rA:5 rB:5 0111100110 /",
    "Instruction cache block touch and lock set.",
    instruction=True,
)
cache_locking(
    "icblc CT,rA,rB",
    "011111 CT:5 rA:5 rB:5 0011100110 /",
    "Instruction cache block lock clear.",
    instruction=True,
)


@insn("dcbz rA,rB", "011111 ///// rA:5 rB:5 1111110110 /")
def _(cpu: Context, i: Any) -> None:
    """Data cache block set to zero."""
    cpu.zero_cache_block(cpu.gpr_or_zero(i.rA) + cpu.gpr[i.rB])


@insn("dcba rA,rB", "011111 ///// rA:5 rB:5 1011110110 /")
def _(cpu: Context, i: Any) -> None:
    """Data cache block allocate; a hint, which leaves the block as it is."""

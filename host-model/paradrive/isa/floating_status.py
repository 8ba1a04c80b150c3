# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions of the floating-point status and control register (Power ISA 2.06, Book I, 4.6.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.isa.floating_load_store import record
from paradrive.isa.floating_point import bits, interpreted, put, status
from paradrive.isa.fpscr import EXCEPTIONS, FEX, FX, RESERVED, SUMMARIES, raising, summarised

if TYPE_CHECKING:
    from paradrive.isa.semantics import Context


def set_status(cpu: Context, i: Any, value: int) -> None:
    """Set the FPSCR; raise in the guest what is enabled and set now."""
    cpu.fpscr = cpu.constant(summarised(value))
    record(cpu, i)
    if summarised(value) & FEX:
        cpu.raise_floating_point_enabled()


@interpreted("mffs{Rc} frT", "111111 frT:5 ///// ///// 1001000111 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Move from FPSCR; the upper word, which is undefined, becomes zero, as on QEMU."""
    put(cpu, i.frT, status(cpu))
    record(cpu, i)


@interpreted("mcrfs BF,BFA", "111111 BF:3 // BFA:3 // ///// 0001000000 /")
def _(cpu: Context, i: Any) -> None:
    """Move to condition register from FPSCR; the exception bits that are copied become zero."""
    shift = 28 - 4 * i.BFA
    value = status(cpu)
    for bit in range(4):
        cpu.cr[i.BF * 4 + bit] = value >> shift + 3 - bit & 1
    cpu.fpscr = cpu.constant(summarised(value & ~(0xF << shift & (EXCEPTIONS | FX))))


@interpreted("mtfsfi{Rc} BF,U", "111111 BF:3 // ///// U:4 / 0010000110 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Move to FPSCR field immediate."""
    shift = 28 - 4 * i.BF
    set_status(cpu, i, status(cpu) & ~(0xF << shift) | i.U << shift)


@interpreted("mtfsf{Rc} FLM,frB", "111111 L:1 FLM:8 / frB:5 1011000111 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Move to FPSCR fields: those whose bit in FLM is 1, with L = 1 all of them."""
    chosen = sum(0xF << 4 * field for field in range(8) if i.L or i.FLM >> field & 1)
    set_status(cpu, i, status(cpu) & ~chosen | bits(cpu, i.frB) & chosen)


@interpreted("mtfsb0{Rc} BT", "111111 BT:5 ///// ///// 0001000110 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Move to FPSCR bit 0: clear a bit."""
    cpu.fpscr = cpu.constant(summarised(status(cpu) & ~(0x80000000 >> i.BT)))
    record(cpu, i)


@interpreted("mtfsb1{Rc} BT", "111111 BT:5 ///// ///// 0000100110 Rc:1")
def _(cpu: Context, i: Any) -> None:
    """Move to FPSCR bit 1: set a bit, and FX with an exception bit that was zero."""
    bit = 0x80000000 >> i.BT & ~(SUMMARIES | RESERVED)
    set_status(cpu, i, raising(status(cpu) | bit & ~EXCEPTIONS, bit & EXCEPTIONS))

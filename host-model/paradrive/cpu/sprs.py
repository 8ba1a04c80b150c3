# SPDX-License-Identifier: GPL-2.0-or-later
"""What special-purpose registers do beside storing a value; they are declared in `paradrive.isa.spr`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu import interrupts
from paradrive.cpu.interrupts import ESR_PRIVILEGED, GuestInterrupt
from paradrive.cpu.state import MSR_PR, PENDING_RESET
from paradrive.isa import spr
from paradrive.isa.spr import SPRS, Spr

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.core import Core

DBCR0_RESET = 0x30000000
MMUCSR0_INVALIDATE_TLB0 = 0x4
MMUCSR0_INVALIDATE_TLB1 = 0x2


def declaration(core: Core, number: int, *, writing: bool) -> Spr:
    """Return the register's declaration; GuestInterrupt where the core refuses the access.

    In user mode a privileged number, existing or not, raises the privileged exception (Power ISA
    2.06, Book III-E, 5.4.1); otherwise a register that the core does not have is an illegal instruction.
    """
    if number & 0x10 and core.state.msr & MSR_PR:
        raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_PRIVILEGED)
    register = SPRS.get(number)
    if (
        register is None
        or core.model.name not in register.cores
        or not (register.writable if writing else register.readable)
    ):
        name = register.name if register is not None else str(number)
        raise core.illegal(f"{'mtspr' if writing else 'mfspr'} {name}")
    return register


def read(core: Core, number: int) -> int:
    """Return a register's value; GuestInterrupt where the core refuses the access."""
    register = declaration(core, number, writing=False)
    reader = READERS.get(number)
    return reader(core) if reader is not None else core.state.spr[register.place]


def write(core: Core, number: int, value: int) -> None:
    """Write a register; GuestInterrupt where the core refuses the access."""
    register = declaration(core, number, writing=True)
    writer = WRITERS.get(number)
    if writer is not None:
        writer(core, value)
    else:
        core.state.spr[register.place] = value & register.mask


def _read_xer(core: Core) -> int:
    return core.state.xer


def _write_xer(core: Core, value: int) -> None:
    core.state.xer = value


def _write_lr(core: Core, value: int) -> None:
    core.state.lr = value


def _write_ctr(core: Core, value: int) -> None:
    core.state.ctr = value


def _write_timebase_low(core: Core, value: int) -> None:
    core.timers.write_timebase(core.timers.timebase() & ~0xFFFFFFFF | value)


def _write_timebase_high(core: Core, value: int) -> None:
    core.timers.write_timebase(core.timers.timebase() & 0xFFFFFFFF | value << 32)


def _ones_clear(number: int) -> Callable[[Core, int], None]:
    def write(core: Core, value: int) -> None:
        core.state.spr[number] &= ~value

    return write


def _write_pid(number: int) -> Callable[[Core, int], None]:
    def write(core: Core, value: int) -> None:
        value &= SPRS[number].mask
        if core.state.spr[number] != value:
            core.state.spr[number] = value
            core.flush_processes()

    return write


def _write_mmucsr0(core: Core, value: int) -> None:
    core.mmu.invalidate_all(
        tlb0=bool(value & MMUCSR0_INVALIDATE_TLB0), tlb1=bool(value & MMUCSR0_INVALIDATE_TLB1)
    )


def _write_dbcr0(core: Core, value: int) -> None:
    core.state.spr[spr.DBCR0] = value
    if value & DBCR0_RESET:
        core.state.pending |= PENDING_RESET


READERS: dict[int, Callable[[Core], int]] = {
    spr.XER: _read_xer,
    spr.LR: lambda core: core.state.lr,
    spr.CTR: lambda core: core.state.ctr,
    spr.DEC: lambda core: core.timers.read_decrementer(),
    spr.TBL_READ: lambda core: core.timers.timebase() & 0xFFFFFFFF,
    spr.TBU_READ: lambda core: core.timers.timebase() >> 32,
    526: lambda core: core.timers.timebase() & 0xFFFFFFFF,
    527: lambda core: core.timers.timebase() >> 32,
}

WRITERS: dict[int, Callable[[Core, int], None]] = {
    spr.XER: _write_xer,
    spr.LR: _write_lr,
    spr.CTR: _write_ctr,
    spr.DEC: lambda core, value: core.timers.write_decrementer(value),
    spr.TBL_WRITE: _write_timebase_low,
    spr.TBU_WRITE: _write_timebase_high,
    spr.TSR: lambda core, value: core.timers.clear_status(value),
    spr.TCR: lambda core, value: core.timers.write_control(value),
    spr.DBSR: _ones_clear(spr.DBSR),
    spr.MCSR: _ones_clear(spr.MCSR),
    spr.PID: _write_pid(spr.PID),
    spr.PID1: _write_pid(spr.PID1),
    spr.PID2: _write_pid(spr.PID2),
    spr.MMUCSR0: _write_mmucsr0,
    spr.DBCR0: _write_dbcr0,
}

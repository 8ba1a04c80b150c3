# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts: their kinds, and how the core takes one (Power ISA 2.06, Book III-E, chapter 7)."""

from __future__ import annotations

from typing import NamedTuple

from paradrive.cpu.state import MSR_CE, MSR_DE, MSR_ME, MSR_WE, CoreState
from paradrive.isa import spr

# Exception syndrome register (Power ISA 2.06, Book III-E, 7.2.13).
ESR_ILLEGAL = 0x08000000
ESR_PRIVILEGED = 0x04000000
ESR_TRAP = 0x02000000
ESR_FLOATING_POINT = 0x01000000
ESR_STORE = 0x00800000
ESR_DATA_CACHE_LOCKING = 0x00200000
ESR_INSTRUCTION_CACHE_LOCKING = 0x00100000


class SaveRestore(NamedTuple):
    """The registers that hold pc and MSR of what was interrupted, and the MSR bits that survive."""

    address: int
    status: int
    kept: int


BASE = SaveRestore(spr.SRR0, spr.SRR1, MSR_CE | MSR_ME | MSR_DE)
CRITICAL = SaveRestore(spr.CSRR0, spr.CSRR1, MSR_ME | MSR_DE)
MACHINE_CHECK_LEVEL = SaveRestore(spr.MCSRR0, spr.MCSRR1, 0)
DEBUG_LEVEL = SaveRestore(spr.DSRR0, spr.DSRR1, MSR_ME | MSR_CE)

#: By the names that the instructions rfi, rfci, rfdi, rfmci use.
SAVE_RESTORE = {
    "base": BASE,
    "critical": CRITICAL,
    "debug": DEBUG_LEVEL,
    "machine_check": MACHINE_CHECK_LEVEL,
}


class Interrupt(NamedTuple):
    """A kind of interrupt: the SPR with its vector's offset, and the level at which it is taken."""

    name: str
    vector_spr: int
    level: SaveRestore = BASE


CRITICAL_INPUT = Interrupt("critical input", spr.IVOR0 + 0, CRITICAL)
MACHINE_CHECK = Interrupt("machine check", spr.IVOR0 + 1, MACHINE_CHECK_LEVEL)
DATA_STORAGE = Interrupt("data storage", spr.IVOR0 + 2)
INSTRUCTION_STORAGE = Interrupt("instruction storage", spr.IVOR0 + 3)
EXTERNAL_INPUT = Interrupt("external input", spr.IVOR0 + 4)
ALIGNMENT = Interrupt("alignment", spr.IVOR0 + 5)
PROGRAM = Interrupt("program", spr.IVOR0 + 6)
FLOATING_POINT_UNAVAILABLE = Interrupt("floating-point unavailable", spr.IVOR0 + 7)
SYSTEM_CALL = Interrupt("system call", spr.IVOR0 + 8)
DECREMENTER = Interrupt("decrementer", spr.IVOR0 + 10)
FIXED_INTERVAL_TIMER = Interrupt("fixed-interval timer", spr.IVOR0 + 11)
WATCHDOG = Interrupt("watchdog timer", spr.IVOR0 + 12, CRITICAL)
DATA_TLB_ERROR = Interrupt("data TLB error", spr.IVOR0 + 13)
INSTRUCTION_TLB_ERROR = Interrupt("instruction TLB error", spr.IVOR0 + 14)


class GuestInterrupt(Exception):  # noqa: N818 - it is no error of this program
    """Raised by an instruction that cannot complete: the guest takes ``interrupt``.

    ``syndrome`` (ESR) and ``data_address`` (DEAR) are None where the interrupt leaves the register alone.
    """

    def __init__(
        self,
        interrupt: Interrupt,
        *,
        syndrome: int | None = None,
        data_address: int | None = None,
        after: bool = False,
    ) -> None:
        super().__init__(interrupt.name)
        self.interrupt = interrupt
        self.syndrome = syndrome
        self.data_address = data_address
        #: True where the saved address is that of the next instruction (system call).
        self.after = after


def take(state: CoreState, interrupt: Interrupt, return_address: int) -> None:
    """Enter the handler of ``interrupt``: save pc and MSR, mask, jump to IVPR with IVOR's offset.

    The reservation is lost, as on QEMU; the architecture leaves that open (Book II, 1.7.3.1). What loses it
    besides: any stwcx., and somebody else who writes to its cache block, see `Vcpu.memory_written`.
    """
    level = interrupt.level
    state.spr[level.address] = return_address
    state.spr[level.status] = state.msr
    state.msr &= level.kept & ~MSR_WE
    state.pc = state.spr[spr.IVPR] | state.spr[interrupt.vector_spr]
    state.reserved = 0

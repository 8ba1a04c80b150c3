# SPDX-License-Identifier: GPL-2.0-or-later
"""Where QEMU's user mode emulation and the manuals differ: the only mismatches that are no failures.

docs/fidelity.md shows this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.isa.decoder import instructions_of
from paradrive.isa.instruction import ALL_CORES
from paradrive.isa.spr import PVR, TBL_WRITE, TBU_WRITE
from paradrive_dev.fidelity.difference import Bits, Difference, everything, field
from paradrive_dev.fidelity.floating_differences import FLOATING_DIFFERENCES
from paradrive_dev.fidelity.program import SIGBUS, SIGILL, SIGSEGV

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive_dev.fidelity.comparison import Mismatch

#: Registers that users may access on one of the cores.
_SPEFSCR, _BRANCH_BUFFER, _L2CFG0 = (512,), (513, 514), (519,)
_MOVES = ("mfspr", "mtspr", "mftb")
_WITH_RESERVED_BITS = tuple(
    dict.fromkeys(
        each.mnemonic
        for core in sorted(ALL_CORES)
        for each in instructions_of(core)
        if each.encoding.reserved
    )
)


def _raises_alignment(mismatch: Mismatch) -> Bits:
    return everything(mismatch, _signals(mismatch) == (0, SIGBUS))


def _register(numbers: tuple[int, ...], on_qemu: int, on_model: int) -> Callable[[Mismatch], Bits]:
    """Return what explains that access to SPRs raises different signals, 0 for none."""

    def explains(mismatch: Mismatch) -> Bits:
        is_one = field(mismatch.case, "SPR") in numbers
        return everything(mismatch, is_one and _signals(mismatch) == (on_qemu, on_model))

    return explains


def _refuses_locking(mismatch: Mismatch) -> Bits:
    return everything(mismatch, _signals(mismatch) in ((SIGILL, SIGSEGV), (0, SIGSEGV)))


def _touches_other_cache(mismatch: Mismatch) -> Bits:
    return everything(mismatch, field(mismatch.case, "CT") != 0 and _signals(mismatch) == (SIGILL, 0))


def _refuses_reserved_bits(mismatch: Mismatch) -> Bits:
    return everything(mismatch, _sets_reserved_bits(mismatch) and _signals(mismatch)[1] == SIGILL)


def _ignores_reserved_bits(mismatch: Mismatch) -> Bits:
    signals = _signals(mismatch)
    return everything(mismatch, _sets_reserved_bits(mismatch) and signals[0] == SIGILL != signals[1])


def _sets_reserved_bits(mismatch: Mismatch) -> bool:
    return mismatch.case.word & mismatch.case.instruction.encoding.reserved != 0


def _signals(mismatch: Mismatch) -> tuple[int, int]:
    """Return the signals on QEMU and on the model, 0 for none."""
    return mismatch.differences.get("signal", (mismatch.signal, mismatch.signal))


DIFFERENCES = (
    Difference(
        "unaligned-multiple",
        ("lmw", "stmw"),
        _raises_alignment,
        "loads and stores at any address",
        "an address that is no multiple of four raises the alignment interrupt, as the manual says",
        "e500 core family reference manual, 3.1.2",
    ),
    Difference(
        "unaligned-conditional-store",
        ("stwcx.",),
        _raises_alignment,
        "at an unaligned address, stores nothing and raises nothing",
        "an unaligned address raises the alignment interrupt, as the manual says",
        "e500 core family reference manual, 3.1.2",
    ),
    Difference(
        "branch-buffer-registers",
        _MOVES,
        _register(_BRANCH_BUFFER, SIGILL, 0),
        "BBEAR and BBTAR do not exist",
        "on the e500v2 they keep what is written to them, also in user mode, as the manual says",
        "e500 core family reference manual, 2.9.1 and 2.9.2",
    ),
    Difference(
        "floating-point-status-of-spe",
        _MOVES,
        _register(_SPEFSCR, 0, SIGILL),
        "SPEFSCR exists on the e500mc too",
        "an illegal instruction on the e500mc, which has no SPE, as the manual says",
        "e500mc core reference manual, chapter 2",
    ),
    Difference(
        "second-cache",
        _MOVES,
        _register(_L2CFG0, SIGILL, 0),
        "L2CFG0 of the e500mc does not exist",
        "it exists, as the manual says, and reads as zero: no second cache",
        "e500mc core reference manual, chapter 2",
    ),
    Difference(
        "time-base-for-writing",
        _MOVES,
        _register((TBL_WRITE, TBU_WRITE), 0, SIGILL),
        "user mode may read the time base as SPR 284 and 285, too",
        "they are for writing, and privileged, as the manual says; 268 and 269 are for reading",
        "Power ISA 2.06, Book III-E, 5.4.1",
    ),
    Difference(
        "processor-version",
        _MOVES,
        _register((PVR,), 0, SIGILL),
        "user mode may read PVR, as Linux makes programs believe",
        "PVR is privileged, as the manual says; Linux emulates the access",
        "Power ISA 2.06, Book III-E, 5.4.1",
    ),
    Difference(
        "cache-locking",
        ("dcbtls", "dcbtstls", "dcblc", "icbtls", "icblc"),
        _refuses_locking,
        "`dcbtls` with CT below 16 does nothing in user mode, the others are illegal instructions",
        "a data storage interrupt with ESR[DLK] or ESR[ILK] while MSR[UCLE] is 0, as the manual says",
        "e500 core family reference manual, 5.7.3",
    ),
    Difference(
        "touch-of-other-caches",
        ("icbt",),
        _touches_other_cache,
        "CT other than 0 is an illegal instruction",
        "CT names the cache to be touched; a hint raises nothing, as the manual says",
        "e500 core family reference manual, 5.7.3",
    ),
    Difference(
        "reserved-bits-refused",
        _WITH_RESERVED_BITS,
        _refuses_reserved_bits,
        "ignores some reserved bits, EH of `lwarx` and L of `msync` (`lwsync`) among them",
        "on the e500v2 an instruction with any reserved bit set is illegal",
        "Linux, commit d6ccb1f55ddf",
        family="all with reserved bits",
    ),
    Difference(
        "reserved-bits-ignored",
        _WITH_RESERVED_BITS,
        _ignores_reserved_bits,
        "most instructions with a reserved bit set are illegal",
        "the e500mc ignores reserved bits, as the manual says",
        "Power ISA 2.06, Book I, 1.3.3",
        family="all with reserved bits",
    ),
    *FLOATING_DIFFERENCES,
)


def explanation(mismatch: Mismatch) -> tuple[str, ...] | None:
    """Return the keys of the differences that together explain a mismatch, None if they do not."""
    remaining = {name: values.expected ^ values.got for name, values in mismatch.differences.items()}
    keys = []
    for difference in DIFFERENCES:
        if mismatch.case.instruction.mnemonic in difference.mnemonics:
            explained = difference.explains(mismatch)
            if any(bits & explained.get(name, 0) for name, bits in remaining.items()):
                keys.append(difference.key)
                remaining = {name: bits & ~explained.get(name, 0) for name, bits in remaining.items()}
    return None if any(remaining.values()) else tuple(keys)


def markdown_table() -> str:
    """Return the table as docs/fidelity.md has it."""
    lines = ["| instructions | QEMU | this model | manual |", "|---|---|---|---|"]
    for difference in DIFFERENCES:
        names = difference.family or ", ".join(f"`{mnemonic}`" for mnemonic in difference.mnemonics)
        lines.append(f"| {names} | {difference.qemu} | {difference.model} | {difference.section} |")
    return "\n".join(lines)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of a core by the names of its registers, for a saved machine that outlives this version.

Nothing here depends on the layout of ``CoreState``, on the engine or on its tables: what one engine saves the
other continues. A value is a plain int, unsigned; what JSON cannot hold does not occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.mmu import EMPTY, USER_BITS, TlbEntry
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.state import (
    PENDING_DECREMENTER,
    PENDING_EXTERNAL,
    PENDING_FIXED_INTERVAL,
    PENDING_RESET,
    PENDING_WAIT,
    PENDING_WATCHDOG,
    REGISTER_MASKS,
)
from paradrive.cpu.timers import PERIODIC
from paradrive.isa import spr
from paradrive.isa.fpscr import summarised
from paradrive.isa.spr import SPRS, Spr

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from paradrive.cpu.core import Core
    from paradrive.cpu.models import CpuModel

#: Raise it when an older version could not understand the state any more.
STATE_VERSION = 1

WORD, DOUBLE_WORD = 1 << 32, 1 << 64
#: A century of guest time; what it is added to must stay below 64 bits.
MAX_TIME = 1 << 62
GPRS = FPRS = 32

_PENDING = {
    "external": PENDING_EXTERNAL,
    "decrementer": PENDING_DECREMENTER,
    "fixed_interval": PENDING_FIXED_INTERVAL,
    "watchdog": PENDING_WATCHDOG,
    "wait": PENDING_WAIT,
    "reset": PENDING_RESET,
}
#: Registers which have numbers of SPRs, but are kept elsewhere: those of the timers, and three more.
_TIMERS = {spr.DEC, spr.TBL_WRITE, spr.TBU_WRITE, spr.TBL_READ, spr.TBU_READ, 526, 527}
_NOT_KEPT_AS_SPR = {spr.XER, spr.LR, spr.CTR} | _TIMERS
#: The limits of a TLB entry's fields; of its size, and what must be aligned to it, see `_entry`.
_ENTRY_LIMITS = {
    "epn": WORD,
    "rpn": 1 << 36,
    "size": (1024 << 30) + 1,  # the largest that a size code can name
    "permissions": 1 << 6,
    "ts": 2,
    "tid": 1 << 12,
    "valid": 2,
    "iprot": 2,
    "wimge": 1 << 7,
    "user_bits": 1 << 10,
}


def saved_sprs(model: CpuModel) -> dict[str, Spr]:
    """Return the special-purpose registers that are saved, by their names."""
    return {
        register.name: register
        for number, register in SPRS.items()
        if model.name in register.cores and register.place == number and number not in _NOT_KEPT_AS_SPR
    }


def save(core: Core) -> dict[str, object]:
    """Return the state of a core that is between two instructions."""
    state, mmu = core.state, core.mmu
    zero_at, started, due = core.timers.save()
    return {
        "version": STATE_VERSION,
        "gpr": list(state.gpr[:GPRS]),
        "cr": state.condition_register(),
        "xer": state.xer,
        "lr": state.lr,
        "ctr": state.ctr,
        "pc": state.pc,
        "msr": state.msr,
        "fpr": list(state.fpr),
        "fpscr": state.fpscr,
        "reserved": state.reserved,
        "reservation": state.reservation,
        "spr": {name: state.spr[register.number] for name, register in saved_sprs(core.model).items()},
        "pending": [name for name, bit in _PENDING.items() if state.pending & bit],
        "timebase_offset": state.timebase_offset,
        "decrementer": {"zero_at": zero_at, "started": int(started), "due": int(due)},
        "tlb0": [
            {"set": number, "way": way} | _fields(entry)
            for number, ways in enumerate(mmu.tlb0)
            for way, entry in enumerate(ways)
            if entry != EMPTY
        ],
        "tlb1": [
            {"number": number} | _fields(entry) for number, entry in enumerate(mmu.tlb1) if entry != EMPTY
        ],
        "next_way": mmu.next_way,
        "edges_due": core.timers.edges_due(),
    }


def load(core: Core, saved: Mapping[str, object]) -> None:
    """Continue from ``save``; the clock, without events, must have been set before.

    What an older version did not save gets its value after power-on. Raises ValueError when the state is
    newer than this version, or malformed; the core must be reset or loaded again then.
    """
    check_version(saved, STATE_VERSION)
    core.reset()
    state, mmu = core.state, core.mmu
    for number, value in enumerate(_integers(saved, "gpr", GPRS, WORD)):
        state.gpr[number] = value
    for number, value in enumerate(_integers(saved, "fpr", FPRS, DOUBLE_WORD)):
        state.fpr[number] = value
    condition = integer(saved, "cr", WORD)
    for bit in range(32):
        state.cr[bit] = condition >> 31 - bit & 1
    for name in ("xer", "lr", "ctr", "pc", "fpscr", "reservation"):
        value = integer(saved, name, WORD)
        if value & ~REGISTER_MASKS.get(name, WORD - 1) or (name == "fpscr" and value != summarised(value)):
            raise ValueError(f"{name} {value:#x} has bits that no core can have")
        setattr(state, name, value)
    state.reserved = integer(saved, "reserved", 2)
    _load_sprs(core, saved)
    state.pending = _pending(saved)
    state.timebase_offset = integer(saved, "timebase_offset", DOUBLE_WORD)
    for row in _rows(saved, "tlb0"):
        entry, number = _entry(row), integer(row, "set", mmu.sets)
        if entry.size != PAGE_SIZE or entry.iprot or entry.epn // PAGE_SIZE % mmu.sets != number:
            raise ValueError(
                "TLB 0 has an entry that is protected, not for 4 KiB, or in another set than its own"
            )
        mmu.set_way(number, integer(row, "way", core.model.tlb0_ways), entry)
    for row in _rows(saved, "tlb1"):
        mmu.tlb1[integer(row, "number", core.model.tlb1_entries)] = _entry(row)
    mmu.next_way = integer(saved, "next_way", core.model.tlb0_ways)
    core.flush_translations()
    msr = integer(saved, "msr", WORD)
    if msr & ~core.model.msr_mask:
        raise ValueError(f"msr {msr:#x} has bits that an {core.model.name} does not have")
    old, state.msr = state.msr, msr
    core.msr_changed(old)
    decrementer = _mapping(saved, "decrementer")
    if state.pending != core.timers.pending():
        raise ValueError("pending does not tell what TSR and TCR do")
    core.timers.load(
        (
            integer(decrementer, "zero_at", 2 * DOUBLE_WORD),
            bool(integer(decrementer, "started", 2)),
            bool(integer(decrementer, "due", 2)),
        )
    )
    core.timers.make_due(_names(saved, "edges_due", PERIODIC))


def check_version(saved: Mapping[str, object], known: int) -> None:
    """Raise ValueError unless the state's ``version`` is one from 1 to ``known``."""
    version = saved.get("version")
    if type(version) is not int or not 1 <= version <= known:
        raise ValueError(f"saved state has version {version!r}, this model understands 1 to {known}")


def integer(saved: Mapping[str, object], key: str, limit: int) -> int:
    """Return the integer under ``key``, 0 where there is none; ValueError if not in ``range(limit)``."""
    value = saved.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(f"{key} is not an integer from 0 to {limit - 1:#x}")
    return int(value)


def _integers(saved: Mapping[str, object], key: str, count: int, limit: int) -> list[int]:
    """Return ``count`` integers in ``range(limit)``, zeros where nothing was saved; else ValueError."""
    values = saved.get(key, [0] * count)
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{key} is not a list of {count} integers")
    return [integer({key: value}, key, limit) for value in values]


def _mapping(saved: Mapping[str, object], key: str) -> dict[str, object]:
    value = saved.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")
    return value


def _rows(saved: Mapping[str, object], key: str) -> list[dict[str, object]]:
    rows = saved.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{key} is not a list of objects")
    return rows


def _load_sprs(core: Core, saved: Mapping[str, object]) -> None:
    registers, values = saved_sprs(core.model), _mapping(saved, "spr")
    for name in values:
        value, register = integer(values, name, WORD), registers.get(name)
        if register is None:
            raise ValueError(f"special-purpose register {name!r} is unknown")
        constant = core.model.constants.get(register.number)
        if value & ~register.mask if constant is None else value != constant:
            raise ValueError(f"special-purpose register {name!r} has a bad value")
        core.state.spr[register.number] = value


def _pending(saved: Mapping[str, object]) -> int:
    return sum(_PENDING[name] for name in _names(saved, "pending", _PENDING))


def _names(saved: Mapping[str, object], key: str, known: Collection[str]) -> set[str]:
    """Return the names under ``key``, none where nothing was saved; ValueError if not all are ``known``."""
    names = saved.get(key, [])
    if not isinstance(names, list):
        raise ValueError(f"{key} is not a list of names")
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"{key} names something unknown: {name!r}")
    return set(names)


def _fields(entry: TlbEntry) -> dict[str, int]:
    return {name: int(value) for name, value in entry._asdict().items()}


def _entry(row: Mapping[str, object]) -> TlbEntry:
    """Return a TLB entry as `Mmu.write_entry` could have made it; ValueError for any other."""
    fields = {name: integer(row, name, limit) for name, limit in _ENTRY_LIMITS.items()}
    size = fields["size"]
    # Sizes are powers of four.
    is_size = size >= PAGE_SIZE and not size & size - 1 and size.bit_length() % 2
    if not is_size or (fields["epn"] | fields["rpn"]) & size - 1 or fields["user_bits"] & ~USER_BITS:
        raise ValueError("a TLB entry is for no page that the core could have")
    valid, iprot = bool(fields.pop("valid")), bool(fields.pop("iprot"))
    return TlbEntry(**fields, valid=valid, iprot=iprot)

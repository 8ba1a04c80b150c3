# SPDX-License-Identifier: GPL-2.0-or-later
"""The same core on both engines, random states for it, and the comparison of the two."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from bare_core import (
    CODE,
    DATA,
    DEVICE,
    ENGINES,
    MSR_CE,
    MSR_FP,
    MSR_ME,
    MSR_PR,
    RAM_SIZE,
    VECTORS,
    BareCore,
    insn,
    li,
    mfspr,
    mtspr,
)
from paradrive.isa import spr
from paradrive.isa.spr import SPRS

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.isa.instruction import Instruction

#: Examples are the same in every run: a failure that one sees, everybody sees.
REPEATABLE = settings(derandomize=True, deadline=None, database=None)
#: One seed instead of a strategy for each register: to draw those takes longer than to run them.
SEEDS = st.integers(0, 2**32 - 1)

EDGES = (0, 1, 2, 31, 32, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)
#: Zeros, ones, ends of the ranges of numbers in either precision and of integers, infinities, not-a-numbers.
DOUBLES = (
    *(
        0,
        0x8000000000000000,
        0x3FF0000000000000,
        0xBFF0000000000000,
        0x7FEFFFFFFFFFFFFF,
        0x0010000000000000,
        1,
    ),
    *(0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001, 0xFFF8000000000123),
    *(0x47EFFFFFE0000000, 0x3810000000000000, 0x36A0000000000000, 0x41DFFFFFFFC00000, 0xC1E0000000000000),
)
#: Addresses in RAM, at page ends, behind its end, of code, of the device, and of nothing.
ADDRESSES = (DATA, DATA + 2, DATA + 0xFF0, DATA + 0xFFD, CODE, DEVICE, DEVICE + 9, RAM_SIZE - 3, 0xFFFFFFFC)
FILLED = range(DATA, DATA + 0x1100)


#: Go on behind the instruction that was interrupted.
SKIP = (mtspr(272, 3), mfspr(3, spr.SRR0), insn("addi", rT=3, rA=3, SI=4), mtspr(spr.SRR0, 3), mfspr(3, 272))
#: Clear all of the timers' status and go on with the instruction that was interrupted.
CLEAR = (mtspr(272, 3), li(3, -1), mtspr(spr.TSR, 3), mfspr(3, 272))
TIMER_INTERRUPTS = (10, 11)


class Pair:
    """The same core on both engines."""

    def __init__(self, model: str) -> None:
        self.cores = {engine: BareCore(engine, model) for engine in ENGINES}

    def prepare(self, change: Callable[[BareCore], None]) -> None:
        """Power on both cores and change them in the same way."""
        for core in self.cores.values():
            core.power_on()
            change(core)
            core.look_again()

    def each(self, act: Callable[[BareCore], object]) -> None:
        """Have both act; AssertionError naming what differs in the results or in what can be observed."""
        compiled, reference = self.cores["compiled"], self.cores["reference"]
        got, expected = act(compiled), act(reference)
        assert got == expected, f"result: {got!r} (compiled), {expected!r} (reference)"
        if everything(compiled) == everything(reference):
            return  # without having given each part its name, which takes longer than to execute it
        named = observe(compiled)
        for name, value in observe(reference).items():
            assert named[name] == value, f"{name}: {named[name]!r} (compiled), {value!r} (reference)"
        pytest.fail("what differs has no name in observe()")


def everything(core: BareCore) -> tuple[object, ...]:
    """Return all that can be observed of a core."""
    return (
        core.state.architectural(),
        core.bus.accesses,
        core.vcpu.instructions,
        core.clock.now(),
        bytes(core.ram.contents),
    )


def observe(core: BareCore) -> dict[str, object]:
    """Return what can be observed of a core, by name."""
    state = core.state
    observed: dict[str, object] = {f"r{number}": hex(state.gpr[number]) for number in range(32)}
    observed |= {name: hex(getattr(state, name)) for name in ("pc", "msr", "lr", "ctr", "xer", "reserved")}
    observed |= {f"spr {register.name}": hex(state.spr[number]) for number, register in SPRS.items()}
    observed["cr"] = hex(state.condition_register())
    names = ("state", "accesses", "instructions", "time", "memory")
    return observed | dict(zip(names, everything(core), strict=True))


def randomise(core: BareCore, seed: int, *, user: bool = False) -> None:
    """Fill registers and RAM around the interesting addresses from ``seed``."""
    source = random.Random(seed)

    def value() -> int:
        kind = source.randrange(4)
        if kind < 2:
            return source.choice(ADDRESSES)
        return source.choice(EDGES) if kind == 2 else source.getrandbits(32)

    for number in range(32):
        core.gpr[number] = value()
    core.state.cr[:] = bytes(source.randrange(2) for _ in range(32))
    core.state.xer, core.state.lr, core.state.ctr = value(), value(), source.choice((value(), 1, 2))
    core.state.msr = source.choice((0, MSR_FP, MSR_FP | MSR_ME, MSR_CE)) | (MSR_PR if user else 0)
    for number in range(32):
        core.state.fpr[number] = source.choice((*DOUBLES, source.getrandbits(64)))
    core.ram.contents[FILLED.start : FILLED.stop] = source.randbytes(len(FILLED))
    for number in (*range(272, 280), 26, 27, 58, 59, 61, 62, 256):
        core.spr[number] = value()
    core.state.reserved, core.state.reservation = source.randrange(2), source.choice(ADDRESSES)


def random_word(instruction: Instruction, source: random.Random) -> int:
    """Return a word of ``instruction`` with any operands and reserved bits; most SPRs exist."""
    encoding = instruction.encoding
    word = encoding.match | source.getrandbits(32) & ~encoding.mask
    number = encoding.fields.get("SPR")
    if number is not None and source.randrange(4):
        word = word & ~(0x3FF << number.shift) | number.insert(source.choice(sorted(SPRS)))
    return word


def put_handlers(core: BareCore) -> None:
    """Have every interrupt return to the program."""
    for number in range(16):
        handler = CLEAR if number in TIMER_INTERRUPTS else SKIP
        core.put(VECTORS + 0x100 * number, *handler, insn("rfi"))
    core.put(VECTORS + 0xC00, *CLEAR, insn("rfci"))

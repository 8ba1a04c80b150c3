# SPDX-License-Identifier: GPL-2.0-or-later
"""No guest can harm the host or hang it: garbage, endless interrupts, fastest timers, hostile accesses."""

from __future__ import annotations

import random

import pytest
from engine_pair import ADDRESSES, REPEATABLE, SEEDS, Pair, put_handlers, random_word, randomise
from hypothesis import given, settings
from hypothesis import strategies as st

from bare_core import CODE, DATA, NOP, PAGE, BareCore, insn, jump, li, load_constant, mtspr
from paradrive.cpu.vcpu import RunExit
from paradrive.isa import spr
from paradrive.isa.decoder import instructions_of
from paradrive.isa.instruction import E500V2

INSTRUCTIONS = instructions_of(E500V2)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(E500V2)


def run_on(core: BareCore, budget: int) -> int:
    """Run ``budget`` instructions, sleeping and resetting when the guest asks for it; return how many ran.

    Fewer than ``budget`` if the guest sleeps and nothing is due.
    """
    end = core.vcpu.instructions + budget
    while core.vcpu.instructions < end:
        ended = core.vcpu.run(end - core.vcpu.instructions)
        if ended is RunExit.IDLE:
            due = core.clock.next_event()
            if due is None:
                break
            core.vcpu.skip_to(due)
        elif ended is RunExit.RESET:
            break
    return budget - (end - core.vcpu.instructions)


def garbage(seed: int) -> bytes:
    """Return a page of any words, any instructions, and anything in between."""
    source = random.Random(seed)
    kind = source.randrange(3)
    if kind == 0:
        return source.randbytes(PAGE)
    chosen = INSTRUCTIONS if kind == 1 else [source.choice(INSTRUCTIONS) for _ in range(8)]
    words = [random_word(source.choice(chosen), source) for _ in range(PAGE // 4)]
    return b"".join(word.to_bytes(4, "big") for word in words)


def start_garbage(core: BareCore, seed: int, *, user: bool) -> None:
    randomise(core, seed, user=user)
    put_handlers(core)
    source = random.Random(seed)
    for number in (spr.MAS0, spr.MAS1, spr.MAS2, spr.MAS3):
        core.spr[number] = source.choice((source.getrandbits(32), source.choice(ADDRESSES)))
    core.ram.contents[CODE : CODE + PAGE] = garbage(seed)
    core.state.pc = CODE + 4 * source.randrange(PAGE // 4)


@settings(REPEATABLE, max_examples=80)
@given(seed=SEEDS, user=st.booleans())
def test_garbage_does_the_same_on_both_engines_and_nothing_to_the_host(
    pair: Pair, seed: int, user: bool
) -> None:
    pair.prepare(lambda core: start_garbage(core, seed, user=user))
    pair.each(lambda core: run_on(core, 2000))


def test_endless_interrupts_end_with_the_budget(core: BareCore) -> None:
    core.spr[spr.IVPR] = 0x80000000  # where nothing is mapped
    core.state.pc = CODE  # zeros, which are no instruction
    assert core.vcpu.run(5000) is RunExit.BUDGET
    assert core.vcpu.instructions == 5000


def test_jump_to_nowhere_without_handlers_ends_with_the_budget(core: BareCore) -> None:
    core.vcpu.reset()
    assert core.vcpu.run(5000) is RunExit.BUDGET
    assert core.vcpu.instructions == 5000


def test_names_of_unimplemented_instructions_are_bounded(core: BareCore) -> None:
    put_handlers(core)
    for number in range(300):
        core.execute(0x04000000 | number, NOP, *[NOP] * 6, budget=1)
    assert len(core.vcpu.unimplemented) <= 257
    assert sum(core.vcpu.unimplemented.values()) == 300


@pytest.mark.parametrize("control", [0x03C1E000, 0xC01E0000, 0x0040_0000])
def test_fastest_timers_do_not_hold_up_a_sleeping_machine(core: BareCore, control: int) -> None:
    """Hours of guest time pass in one step, whatever period the guest has asked for."""
    core.execute(
        li(3, 1), mtspr(spr.DECAR, 3), mtspr(spr.DEC, 3), *load_constant(3, control), mtspr(spr.TCR, 3)
    )
    core.vcpu.skip_to(3600 * 10**9)
    assert core.clock.now() == 3600 * 10**9
    core.execute(NOP, NOP)
    assert core.spr[spr.TSR]


def test_stores_alternating_between_pages_keep_what_the_host_remembers_bounded(core: BareCore) -> None:
    """2 MiB lie between these pages: they share a place in any small table, and displace each other."""
    core.tlbwe(0x10020000, 0x80000600, 0x00400000, 0x3F)
    core.gpr[4], core.gpr[5] = DATA, 0x00400000 + DATA
    program = (insn("stw", rA=4), insn("stw", rA=5), jump(-8))
    core.execute(*program, budget=3000)
    before = remembered_by(core)
    core.execute(*program, budget=9000)
    assert remembered_by(core) <= before + 100


def remembered_by(core: BareCore) -> int:
    """Count what the engine's containers hold, those within containers included."""

    def count(container: object) -> int:
        if isinstance(container, dict):
            return len(container) + sum(count(value) for value in container.values())
        if isinstance(container, (list, set, frozenset)):
            return len(container)
        return 0

    holders = [core.vcpu.engine, *vars(core.vcpu.engine).values()]
    return sum(
        count(value) for holder in holders if hasattr(holder, "__dict__") for value in vars(holder).values()
    )


def test_stores_stay_in_ram_when_the_notes_of_the_engine_run_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paradrive.cpu.compiled.translations._NOTES", 3)
    core = BareCore("compiled")
    places = range(DATA, DATA + 8 * PAGE, PAGE)
    stores = [insn("stw", rS=4, rA=3, D=0), insn("stw", rS=4, rA=3, D=4)]
    core.execute(li(4, 0x55), *(word for place in places for word in (*load_constant(3, place), *stores)))
    assert [core.word(place + offset) for place in places for offset in (0, 4)] == [0x55] * 16

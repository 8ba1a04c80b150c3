# SPDX-License-Identifier: GPL-2.0-or-later
"""Random programs, with interrupts and in runs of any length, do the same on both engines."""

from __future__ import annotations

import random
from functools import partial

import pytest
from engine_pair import REPEATABLE, SEEDS, Pair, put_handlers, random_word, randomise
from hypothesis import given, settings
from hypothesis import strategies as st

from bare_core import (
    CODE,
    ENGINES,
    MSR_CE,
    MSR_EE,
    PAGE,
    BareCore,
    insn,
    jump,
    load_constant,
    mtspr,
)
from paradrive.cpu.vcpu import RunExit
from paradrive.isa import spr
from paradrive.isa.decoder import instructions_of
from paradrive.isa.instruction import E500V2

INSTRUCTIONS = instructions_of(E500V2)
BRANCHES = [i for i in INSTRUCTIONS if i.mnemonic in ("b", "bc")]
#: What a program may do without leaving its page or changing how it is translated.
TAME = [i for i in INSTRUCTIONS if i.compiled and i.mnemonic not in ("b", "bc", "bclr", "bcctr", "mtspr")]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(E500V2)


def tame_program(seed: int, length: int) -> list[int]:
    """Return instructions of all kinds with branches among them, and a jump back to the first."""
    source = random.Random(seed)
    words = []
    for place in range(length):
        if source.randrange(5):
            words.append(random_word(source.choice(TAME), source))
            continue
        instruction = source.choice(BRANCHES)
        distance = source.randrange(length) - place
        name = "LI" if instruction.mnemonic == "b" else "BD"
        fields = {name: distance, "LK": source.randrange(2)}
        if name == "BD":
            fields |= {"BO": source.randrange(32), "BI": source.randrange(32)}
        words.append(insn(instruction.mnemonic, **fields))
    return [*words, jump(-4 * length)]


def start_program(core: BareCore, seed: int, length: int, *, at: int = CODE) -> None:
    randomise(core, seed)
    put_handlers(core)
    core.put(at, *tame_program(seed, length))
    core.state.pc = at


@settings(REPEATABLE, max_examples=60)
@given(seed=SEEDS, length=st.integers(1, 60))
def test_program_does_the_same_on_both_engines(pair: Pair, seed: int, length: int) -> None:
    pair.prepare(lambda core: start_program(core, seed, length))
    pair.each(lambda core: core.vcpu.run(700))


def test_program_at_the_end_of_a_page_goes_on_in_the_next(pair: Pair) -> None:
    for seed in range(10):
        pair.prepare(partial(start_program, seed=seed, length=30, at=CODE + PAGE - 60))
        pair.each(lambda core: core.vcpu.run(2500))


def start_with_timers(core: BareCore, seed: int, period: int) -> None:
    start_program(core, seed, 40)
    core.execute(
        *load_constant(3, period),
        mtspr(spr.DEC, 3),
        mtspr(spr.DECAR, 3),
        # All of them on, the fixed-interval timer with 16 to 128 ticks, and the decrementer reloading.
        *load_constant(3, 0x0CC1C000 | seed % 4 << 24),
        mtspr(spr.TCR, 3),
    )
    core.state.pc = CODE
    core.put(CODE, *tame_program(seed, 40))
    core.state.msr = MSR_EE | MSR_CE


@settings(REPEATABLE, max_examples=25)
@given(
    seed=SEEDS,
    period=st.integers(10, 400),
    slices=st.lists(st.one_of(st.integers(1, 40), st.integers(900, 1500)), min_size=1, max_size=20),
)
def test_slices_of_any_size_and_the_whole_end_in_the_same_state(
    pair: Pair, seed: int, period: int, slices: list[int]
) -> None:
    """One engine runs in slices what the other runs at once, with timer interrupts going on."""
    for sliced in ENGINES:
        pair.prepare(lambda core: start_with_timers(core, seed, period))

        def run(core: BareCore, sliced: str = sliced) -> list[RunExit]:
            at_once = core is not pair.cores[sliced]
            ends = [core.vcpu.run(budget) for budget in ([sum(slices)] if at_once else slices)]
            return list(dict.fromkeys(ends))

        pair.each(run)


@pytest.mark.parametrize("budget", [0, 1, 2, 1000, 1023, 1024, 1025, 1026, 3000])
def test_run_executes_exactly_its_budget(core: BareCore, budget: int) -> None:
    counting = insn("addi", rT=3, rA=3, SI=1)
    core.put(CODE, *[counting] * 2000, jump(-4 * 2000))
    core.state.pc = CODE
    for expected in (budget, 2 * budget):
        assert core.vcpu.run(budget) is RunExit.BUDGET
        assert core.vcpu.instructions == core.clock.now() == expected
        laps, rest = divmod(expected, 2001)
        assert core.gpr[3] == 2000 * laps + rest

# SPDX-License-Identifier: GPL-2.0-or-later
"""Every instruction does the same on both engines, whatever its operands and the state are."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from engine_pair import Pair, random_word, randomise

from bare_core import CODE, DATA, ENGINES, BareCore, insn, li
from paradrive.cpu import tracing
from paradrive.cpu.interrupts import ESR_ILLEGAL
from paradrive.cpu.vcpu import ReferenceEngine
from paradrive.isa import logical, spr
from paradrive.isa.decoder import instructions_of
from paradrive.isa.instruction import E500MC, E500V2

if TYPE_CHECKING:
    from typing import Any

    from paradrive.isa.instruction import Instruction

LWARX_EXCLUSIVE, LWSYNC = insn("lwarx", rT=3, rB=4) | 1, insn("msync") | 1 << 21
PROGRAM = 6

CASES = [
    pytest.param(core, instruction, id=f"{instruction.mnemonic}-{core}")
    for core in (E500V2, E500MC)
    for instruction in instructions_of(core)
]


@pytest.fixture(scope="module")
def pairs() -> dict[str, Pair]:
    return {core: Pair(core) for core in (E500V2, E500MC)}


def compare_one_by_one(pair: Pair, words: list[int], seed: int, *, user: bool) -> None:
    """Execute each of ``words`` in the state which the ones before have left, and compare after each."""

    def change(core: BareCore) -> None:
        randomise(core, seed, user=user)
        core.put(CODE, *words)

    pair.prepare(change)
    for number in range(len(words)):
        for core in pair.cores.values():
            core.state.pc = CODE + 4 * number
        pair.each(lambda core: core.vcpu.run(1))


@pytest.mark.parametrize(("core", "instruction"), CASES)
def test_instruction_does_the_same_on_both_engines(
    pairs: dict[str, Pair], core: str, instruction: Instruction
) -> None:
    for turn in range(3):
        seed = crc32(f"{core} {instruction.mnemonic} {turn}".encode())
        source = random.Random(seed)
        words = [random_word(instruction, source) for _ in range(8)]
        compare_one_by_one(pairs[core], words, seed, user=turn == 1)


RESERVED_BITS = [case for case in CASES if case.values[1].encoding.reserved]


@pytest.mark.parametrize(("core", "instruction"), RESERVED_BITS)
def test_reserved_bits_mean_the_same_to_both_engines(
    pairs: dict[str, Pair], core: str, instruction: Instruction
) -> None:
    encoding = instruction.encoding
    words = [encoding.match | bit for bit in (1 << n for n in range(32)) if encoding.reserved & bit]
    compare_one_by_one(pairs[core], [*words, encoding.match | encoding.reserved], 0, user=False)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("model", "is_illegal"), [(E500V2, True), (E500MC, False)])
@pytest.mark.parametrize("word", [LWARX_EXCLUSIVE, LWSYNC], ids=["lwarx with EH = 1", "lwsync"])
def test_hint_and_light_barrier_are_illegal_on_the_e500v2(
    engine: str, model: str, is_illegal: bool, word: int
) -> None:
    core = BareCore(engine, model)
    core.gpr[4] = DATA
    core.execute(word)
    assert core.interrupt == (PROGRAM if is_illegal else None)
    assert core.spr[spr.ESR] == (ESR_ILLEGAL if is_illegal else 0)
    assert core.vcpu.unimplemented.total() == is_illegal


def test_planted_bug_is_reported(pairs: dict[str, Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    correct = logical.shift_right_algebraic

    def without_carry(cpu: Any, i: Any, amount: Any) -> None:
        correct(cpu, i, amount)
        cpu.ca = cpu.constant(0)

    words = [li(3, -1), *(insn("srawi", rS=3, rA=4, SH=amount) for amount in range(32))]
    compare_one_by_one(pairs[E500V2], words, 0, user=False)
    # The pair has compiled its code already: the bug is the reference's alone.
    vcpu = pairs[E500V2].cores["reference"].vcpu
    monkeypatch.setattr(vcpu, "engine", ReferenceEngine(vcpu.core))
    monkeypatch.setattr(tracing, "BINDERS", {})
    monkeypatch.setattr(logical, "shift_right_algebraic", without_carry)
    with pytest.raises(AssertionError, match="xer"):
        compare_one_by_one(pairs[E500V2], words, 0, user=False)

# SPDX-License-Identifier: GPL-2.0-or-later
"""A batch: cases in one program, which QEMU and both engines of the model execute."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from paradrive.isa.decoder import instructions_of
from paradrive_dev.fidelity.comparison import mismatches
from paradrive_dev.fidelity.differences import explanation
from paradrive_dev.fidelity.effects import Observer
from paradrive_dev.fidelity.forms import SKIPPED_INSTRUCTIONS
from paradrive_dev.fidelity.generator import Generator
from paradrive_dev.fidelity.layout import Layout
from paradrive_dev.fidelity.model import run_cases, run_program
from paradrive_dev.fidelity.peer import run_on_qemu
from paradrive_dev.fidelity.program import assemble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.isa.instruction import Instruction
    from paradrive_dev.fidelity.case import Case

#: Cases of one program: so many that conditional branches reach the pads on both sides of the stubs.
CAPACITY = 1000
#: Of each batch, at most so many mismatches are described; all are counted.
DESCRIBED = 5


@dataclass
class Result:
    """What executing a batch has shown."""

    #: Cases by mnemonic; each was executed by QEMU and by both engines.
    cases: dict[str, int] = field(default_factory=dict)
    #: Mismatches without an explanation, by mnemonic: one for each case and engine.
    mismatches: dict[str, int] = field(default_factory=dict)
    #: Those with one, by its key; several differences can make up a mismatch.
    explained: dict[str, int] = field(default_factory=dict)
    #: How often operands were drawn that are not executed, by reason.
    skipped: dict[str, int] = field(default_factory=dict)
    #: The first mismatches without an explanation.
    descriptions: list[dict[str, object]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self)


def compared_instructions(core: str) -> list[Instruction]:
    """Return the instructions of user mode that cases are made of: all that the core has but the skipped."""
    return [
        instruction
        for instruction in instructions_of(core)
        if not instruction.privileged and instruction.mnemonic not in SKIPPED_INSTRUCTIONS
    ]


def compared_instruction(core: str, mnemonic: str) -> Instruction:
    """Return the tested instruction of this name."""
    return next(each for each in compared_instructions(core) if each.mnemonic == mnemonic)


@cache
def _observer(core: str) -> Observer:
    return Observer(core)


def run_batch(core: str, work: Sequence[tuple[Instruction, int]], seed: str) -> Result:
    """Execute one case for each instruction and ordinal in ``work``, at most `CAPACITY`.

    Floating-point instructions and others do not mix. Equal arguments give equal cases. Raises
    FidelityError when a program does not come to its end.
    """
    layout = Layout(CAPACITY, floating_point=work[0][0].floating_point)
    generator = Generator(_observer(core), layout, seed)
    cases: list[Case] = []
    for instruction, ordinal in work:
        case = generator.case(instruction, len(cases), ordinal)
        if case is not None:
            cases.append(case)
    result = Result(skipped=dict(generator.skipped))
    if not cases:
        return result
    result.cases = dict(Counter(case.instruction.mnemonic for case in cases))
    program = assemble(cases, layout)
    expected = run_on_qemu(program, layout, core)
    for engine, got in (
        ("compiled", run_program(program, layout, core)),
        ("reference", run_cases(cases, program, layout, core)),
    ):
        for mismatch in mismatches(cases, layout, expected, got):
            keys = explanation(mismatch)
            if keys is not None:
                for key in keys:
                    result.explained[key] = result.explained.get(key, 0) + 1
                continue
            mnemonic = mismatch.case.instruction.mnemonic
            result.mismatches[mnemonic] = result.mismatches.get(mnemonic, 0) + 1
            if len(result.descriptions) < DESCRIBED:
                result.descriptions.append(mismatch.description(core, engine))
    return result

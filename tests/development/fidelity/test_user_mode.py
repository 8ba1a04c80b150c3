# SPDX-License-Identifier: GPL-2.0-or-later
"""User-mode instructions on both engines and on QEMU: a sample of what ``make fidelity`` compares."""

from __future__ import annotations

import shutil
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.cpu import tracing
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.vcpu import ENGINES
from paradrive.isa import branch, load_store, logical
from paradrive.isa.decoder import instructions_of
from paradrive_dev.fidelity import operands, peer
from paradrive_dev.fidelity.batch import (
    CAPACITY,
    Result,
    compared_instruction,
    compared_instructions,
    run_batch,
)
from paradrive_dev.fidelity.effects import Observer
from paradrive_dev.fidelity.forms import SKIPPED_INSTRUCTIONS
from paradrive_dev.fidelity.generator import Generator
from paradrive_dev.fidelity.layout import Layout
from paradrive_dev.fidelity.model import run_program
from paradrive_dev.fidelity.program import assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CORES = sorted(CPU_MODELS)
CASES_OF_EACH = 24

needs_qemu = pytest.mark.skipif(
    shutil.which(peer.QEMU) is None,
    reason=f"{peer.QEMU} is not installed (Debian package {peer.QEMU_PACKAGE})",
)


def sample(core: str, mnemonics: Sequence[str], cases: int = CASES_OF_EACH) -> Result:
    """Execute so many cases of each of these instructions, always the same ones."""
    instructions = [compared_instruction(core, mnemonic) for mnemonic in mnemonics]
    work = [(instruction, ordinal) for instruction in instructions for ordinal in range(cases)]
    return run_batch(core, work, "sample")


def parts() -> Iterator[Any]:
    """Yield all tested instructions in parts that fit a program: the core, and their names."""
    for core in CORES:
        for floating_point in (False, True):
            tested = (each for each in compared_instructions(core) if each.floating_point == floating_point)
            while part := [each.mnemonic for each in islice(tested, CAPACITY // CASES_OF_EACH)]:
                yield pytest.param(core, part, id=f"{core}-from-{part[0]}")


@needs_qemu
@pytest.mark.parametrize(("core", "mnemonics"), list(parts()))
def test_both_engines_leave_what_qemu_leaves(core: str, mnemonics: list[str]) -> None:
    result = sample(core, mnemonics)
    assert result.descriptions == []
    assert result.mismatches == {}
    assert result.cases == dict.fromkeys(mnemonics, CASES_OF_EACH)


@needs_qemu
def test_multiply_adds_of_zeros_infinities_and_nans_differ_from_qemu_only_as_the_table_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operands, "FLOATING_EDGES", operands.SPECIAL_FLOATING_EDGES)
    mnemonics = ["fmadd", "fmadds", "fmsub", "fmsubs", "fnmadd", "fnmadds", "fnmsub", "fnmsubs"]
    result = sample("e500mc", mnemonics, 60)
    assert result.descriptions == []
    assert "signalling-addend" in result.explained


@needs_qemu
@pytest.mark.parametrize("core", CORES)
def test_reserved_bits_differ_from_qemu_only_as_the_table_says(core: str) -> None:
    result = sample(core, ["lwarx", "msync", "addme", "lwzx"], 64)
    assert result.descriptions == []
    assert result.explained.keys() & {"reserved-bits-refused", "reserved-bits-ignored"}


@pytest.mark.parametrize("core", CORES)
def test_every_instruction_of_user_mode_is_tested_under_its_own_name_or_left_out_for_a_reason(
    core: str,
) -> None:
    tested = [each.mnemonic for each in compared_instructions(core)]
    left_out = {name for name, reason in SKIPPED_INSTRUCTIONS.items() if reason}
    of_user_mode = [each.mnemonic for each in instructions_of(core) if not each.privileged]
    assert sorted(tested) == sorted(set(of_user_mode) - left_out)


def wrong_carry(cpu: Any, i: Any, amount: Any) -> None:
    """Shift right algebraic which sets CA for every negative source, whatever is shifted out."""
    source = cpu.gpr[i.rS]
    cpu.ca = source >> 31
    logical.result_to_ra(cpu, i, source.shift_right_signed(amount))


def wrong_condition(cpu: Any, bit: int, less: Any, greater: Any, _equal: Any) -> None:
    """Set a CR field that never tells that both are equal."""
    for offset, value in enumerate((less, greater, cpu.constant(0), cpu.so)):
        cpu.cr[bit + offset] = value


def wrong_link(
    right: Callable[[Any, Any, Any], None] = branch.branch_conditional,
) -> Callable[[Any, Any, Any], None]:
    """Return a conditional branch that never links."""

    def branch_conditional(cpu: Any, i: Any, target: Any) -> None:
        right(cpu, SimpleNamespace(BO=i.BO, BI=i.BI, LK=0), target)

    return branch_conditional


@needs_qemu
@pytest.mark.parametrize(
    ("place_of_bug", "bug", "mnemonic", "differs"),
    [
        ((logical, "shift_right_algebraic"), wrong_carry, "srawi", "XER"),
        ((load_store, "compare"), wrong_condition, "stwcx.", "CR"),
        ((branch, "branch_conditional"), wrong_link(), "bclr", "LR"),
        ((tracing.Text, "swap_bytes"), lambda value, _size: value, "stwbrx", "0x"),
        ((tracing.Text, "leading_zeros"), lambda value: value, "cntlzw", "r"),
    ],
    ids=["carry", "condition", "link", "memory", "register"],
)
def test_planted_bug_of_the_reference_engine_is_reported_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, place_of_bug: tuple[Any, str], bug: object, mnemonic: str, differs: str
) -> None:
    before = sample("e500v2", [mnemonic], 100)
    monkeypatch.setattr(tracing, "BINDERS", {})
    monkeypatch.setattr(*place_of_bug, bug)
    after = sample("e500v2", [mnemonic], 100)
    assert before.mismatches == {}
    assert after.mismatches.keys() == {mnemonic}
    for each in after.descriptions:
        assert each["engine"] == "reference"
        assert any(name.startswith(differs) for name in each["expected"])
        assert each["expected"] != each["got"]


def test_reference_engine_executes_the_program_that_is_compared_on_the_compiled_one() -> None:
    layout = Layout(CAPACITY)
    generator = Generator(Observer("e500v2"), layout, "program")
    names = ("add", "lwzux", "stmw", "bcctr", "tw", "stwcx.")
    work = [compared_instruction("e500v2", name) for name in names] * 5
    cases = [case for number, each in enumerate(work) if (case := generator.case(each, number, number))]
    program = assemble(cases, layout)
    memories = {engine: run_program(program, layout, "e500v2", engine) for engine in ENGINES}
    assert memories["reference"] == memories["compiled"] != program.memory


@needs_qemu
def test_same_seed_gives_the_same_cases() -> None:
    first, second = (sample("e500v2", ["lwzux", "bc"], 50).as_json() for _ in range(2))
    assert first == second

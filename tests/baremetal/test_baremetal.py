# SPDX-License-Identifier: GPL-2.0-or-later
"""Supervisor state: small programs print what they see of it, on QEMU and on the model alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bare_metal import HERE, build, output_of_model, output_of_qemu

from paradrive.cpu.mmu import Mmu
from paradrive.devices.mpic_arbiter import Source

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

CPUS = ("e500v2", "e500mc")
ONLY_ON = {"tlbilx": "e500mc"}
#: Would take the reference engine seconds.
LONG = ("unaligned", "multiple")

#: Each program ends by asking the guts for a reset, or by a watchdog that does.
END = "ResetLimit\n"

#: What the CPUs differ in is Python which both engines share: the reference engine runs on one of them.
REFERENCE_CPU = "e500v2"

COMPARED = [
    pytest.param(program, cpu, engine, id=f"{program.stem}-{cpu}-{engine}")
    for program in sorted((HERE / "programs").glob("*.c"))
    for cpu in CPUS
    if ONLY_ON.get(program.stem, cpu) == cpu
    for engine in ("compiled", "reference")
    if engine == "compiled" or (program.stem not in LONG and cpu == ONLY_ON.get(program.stem, REFERENCE_CPU))
]

EXPECTED = [
    pytest.param(program, engine, id=f"{program.stem}-{engine}")
    for program in sorted((HERE / "programs_by_the_manual").glob("*.c"))
    for engine in ("compiled", "reference")
]


@pytest.mark.parametrize(("program", "cpu", "engine"), COMPARED)
def test_program_prints_on_the_model_what_it_prints_on_qemu(
    program: Path, cpu: str, engine: Literal["compiled", "reference"]
) -> None:
    elf = build(program, cpu)
    assert output_of_model(elf, cpu, engine) == output_of_qemu(elf, cpu) + END


@pytest.mark.parametrize(("program", "engine"), EXPECTED)
def test_program_prints_what_the_manual_says_where_qemu_does_not(
    program: Path, engine: Literal["compiled", "reference"]
) -> None:
    expected = program.with_suffix(".expected").read_text(encoding="ascii")
    assert output_of_model(build(program, "e500v2"), "e500v2", engine) == expected + END


def test_tlb_that_keeps_what_tlbivax_invalidates_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    elf = build(HERE / "programs" / "tlb_entries.c", "e500v2")
    monkeypatch.setattr(Mmu, "invalidate_address", lambda mmu, operand: None)
    assert output_of_model(elf, "e500v2", "compiled") != output_of_qemu(elf, "e500v2") + END


def test_interrupt_controller_without_priorities_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    elf = build(HERE / "programs" / "mpic_priorities.c", "e500v2")
    monkeypatch.setattr(Source, "priority", property(lambda source: 15))
    assert output_of_model(elf, "e500v2", "compiled") != output_of_qemu(elf, "e500v2") + END

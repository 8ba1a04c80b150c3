# SPDX-License-Identifier: GPL-2.0-or-later
"""The functions that the reference engine makes of declarations: what a debugger shows, what is refused."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from bare_core import BareCore, insn
from paradrive.cpu import tracing
from paradrive.cpu.reference import Reference
from paradrive.isa.decoder import decode


def text_of(word: int) -> str:
    """Return the text that a debugger shows of an instruction."""
    instruction = decode(word, "e500v2")
    assert instruction is not None
    return inspect.getsource(Reference(BareCore("reference").vcpu.core).operation(instruction, word))


def test_debugger_finds_the_text_of_an_instruction() -> None:
    assert "gpr[rA] = " in text_of(insn("lwzu", rT=1, rA=2, D=8))


def test_instruction_that_does_not_record_does_not_touch_the_condition_register() -> None:
    assert "cr[0] = " in text_of(insn("add", Rc=1))
    assert "cr" not in text_of(insn("add", Rc=0))


def test_declaration_that_decides_by_a_value_is_refused() -> None:
    def skip_if_zero(cpu: Any, i: Any) -> None:
        if cpu.gpr[i.rA]:
            cpu.ca = cpu.constant(1)

    instruction = decode(insn("add"), "e500v2")
    assert instruction is not None
    with pytest.raises(TypeError):
        tracing.trace(instruction._replace(semantics=skip_if_zero), {})

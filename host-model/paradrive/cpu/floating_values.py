# SPDX-License-Identifier: GPL-2.0-or-later
"""Executing the floating-point instructions whose declarations look at values: on ints, without a trace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from paradrive.cpu.state import offset_of
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from paradrive.cpu.reference import Reference
    from paradrive.cpu.tracing import Operation
    from paradrive.isa.instruction import Instruction

_FPSCR = offset_of("fpscr") // 4


class RegisterFile:
    """The floating-point registers, of 64 bits, as two ints each."""

    def __init__(self, values: memoryview) -> None:
        self._values = values

    def __getitem__(self, number: int) -> Any:
        value: Any = self._values[number]
        return Double(value >> 32, value & 0xFFFFFFFF)

    def __setitem__(self, number: int, value: Any) -> None:
        self._values[number] = value.high << 32 | value.low


class Values:
    """What these instructions use of `paradrive.isa.semantics.Context`, as ints."""

    def __init__(self, engine: Reference) -> None:
        self._words = engine.words
        self.cr, self.fpr = engine.cr, RegisterFile(engine.fpr)
        self.raise_floating_point_enabled = engine.raise_floating_point_enabled

    @property
    def fpscr(self) -> int:
        value: int = self._words[_FPSCR]
        return value

    @fpscr.setter
    def fpscr(self, value: int) -> None:
        self._words[_FPSCR] = value

    def constant(self, value: int) -> int:
        return value


def operation_on_values(instruction: Instruction, engine: Reference, word: int) -> Operation:
    """Return what ``engine`` does to execute ``word``, which encodes ``instruction``."""
    fields = instruction.encoding.fields
    operands = SimpleNamespace(**{name: field.extract(word) for name, field in fields.items()})
    semantics: Any = instruction.semantics
    values = Values(engine)

    def execute(pc: int) -> int:
        engine.require_floating_point()
        semantics(values, operands)
        return pc + 4 & 0xFFFFFFFF

    return execute

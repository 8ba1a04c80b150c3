# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of an instruction, made from its declaration: first directed ones, then random ones.

Directed cases combine edge values as operands. What an instruction accesses and where it leads is
found by `Observer`; the registers are then changed so that it finds memory and code there.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from paradrive_dev.fidelity.case import Case, Registers
from paradrive_dev.fidelity.forms import invalid_form
from paradrive_dev.fidelity.layout import LOW_WINDOWS, WINDOW_SIZE, XER_BITS, Layout
from paradrive_dev.fidelity.operands import (
    EDGES,
    field_value,
    is_floating_register,
    is_register,
    random_double,
    random_floating_edge,
    random_fprs,
    random_fpscr,
    random_gprs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.isa.instruction import Instruction
    from paradrive_dev.fidelity.effects import Effects, Observer

#: How many pairs of edge values there are, and a step that visits all of them in a mixed order.
DIRECTED_CASES = len(EDGES) ** 2
_STEP = 131
#: Bytes from the window's start within which accesses begin; the longest is lmw's and stmw's.
_LONGEST_ACCESS = 128
#: One case of so many has reserved bits set, all of them or one, in a word that would do the same without.
RESERVED_BITS_EVERY = 16
#: How often operands are drawn for one case before there is taken to be none.
_DRAWS = 100


class Redraw(Exception):  # noqa: N818 - it is no error of this program
    """What was drawn cannot be aimed at memory and code that exist; another draw may."""


class Generator:
    """Makes cases of instructions of one core; ``skipped`` counts the reasons of what was not made."""

    def __init__(self, observer: Observer, layout: Layout, seed: str) -> None:
        self._observer, self._layout = observer, layout
        self._random = random.Random(seed)
        self._low_windows = iter(LOW_WINDOWS)
        self._updates_base: dict[int, bool] = {}
        self.skipped: Counter[str] = Counter()

    def case(self, instruction: Instruction, number: int, ordinal: int) -> Case | None:
        """Return the case with this number in its program, the ``ordinal``-th of its instruction.

        None where nothing can be drawn that may be executed, for reasons that ``skipped`` counts.
        """
        for _ in range(_DRAWS):
            fields = self._fields(instruction, self._layout.instruction(number))
            reason = invalid_form(instruction, fields, updates_base=self._is_update(instruction))
            if reason is not None:
                self.skipped[reason] += 1
                continue
            try:
                return self._case(instruction, fields, number, ordinal)
            except Redraw:
                continue
        return None

    def _case(self, instruction: Instruction, fields: dict[str, int], number: int, ordinal: int) -> Case:
        registers = self._registers(fields, ordinal)
        window = self._layout.window(number)
        case = Case(instruction, 0, registers, window, self._random.randbytes(WINDOW_SIZE))
        self._aim(case, fields, self._layout.instruction(number))
        reserved = instruction.encoding.reserved
        if reserved and ordinal % RESERVED_BITS_EVERY == RESERVED_BITS_EVERY - 1:
            case.word |= self._random.choice([reserved, *(1 << n for n in range(32) if reserved >> n & 1)])
        return case

    def _is_update(self, instruction: Instruction) -> bool:
        known = self._updates_base.get(instruction.encoding.match)
        if known is None:
            known = self._observer.updates_base(instruction)
            self._updates_base[instruction.encoding.match] = known
        return known

    # Operands

    def _fields(self, instruction: Instruction, address: int) -> dict[str, int]:
        """Draw the fields of an instruction at ``address``."""
        fields = {
            name: field_value(self._random, name, field.width)
            for name, field in instruction.encoding.fields.items()
        }
        for name in ("LI", "BD"):
            if name in fields:
                width = instruction.encoding.fields[name].width
                fields[name] = self._displacement(width, 0 if fields["AA"] else address)
        return fields

    def _displacement(self, width: int, origin: int) -> int:
        """Draw a pad that a branch from ``origin`` reaches; return the field of ``width`` bits."""
        reach = 1 << width + 1
        distances = [pad - origin for pad in self._layout.pads if -reach <= pad - origin < reach]
        return self._random.choice(distances) >> 2 & (1 << width) - 1

    def _registers(self, fields: Mapping[str, int], ordinal: int) -> Registers:
        source = self._random
        registers = Registers(
            gpr=random_gprs(source),
            cr=source.getrandbits(32),
            xer=source.getrandbits(32) & XER_BITS,
            lr=source.choice(self._layout.pads) | source.randrange(4),
            ctr=source.choice((0, 1, 2, source.getrandbits(32), source.choice(self._layout.pads))),
        )
        operands = [value for name, value in fields.items() if is_register(name)]
        if ordinal < DIRECTED_CASES:
            pair = ordinal * _STEP % DIRECTED_CASES
            for register, edge in zip(
                reversed(operands), (pair % len(EDGES), pair // len(EDGES)), strict=False
            ):
                registers.gpr[register] = EDGES[edge]
        else:
            for register in operands:
                if source.getrandbits(1):
                    registers.gpr[register] = source.choice(EDGES)
        if self._layout.floating_point:
            self._add_floating(registers, fields, ordinal)
        return registers

    def _add_floating(self, registers: Registers, fields: Mapping[str, int], ordinal: int) -> None:
        """Add floating-point registers: the operands edge values, numbers or anything."""
        source = self._random
        registers.fpr = random_fprs(source)
        registers.fpscr = random_fpscr(source)
        for name, register in fields.items():
            if is_floating_register(name):
                kind = 0 if ordinal < DIRECTED_CASES else source.randrange(4)
                if kind == 0:
                    registers.fpr[register] = random_floating_edge(source)
                elif kind < 3:
                    registers.fpr[register] = random_double(source)

    # Memory and code

    def _aim(self, case: Case, fields: dict[str, int], address: int) -> None:
        """Change the case so that it accesses only its window and leads only to pads; make its word."""
        effects = self._effects(case, fields, address)
        if effects.addresses:
            self._aim_access(case, fields, effects.addresses[0])
            effects = self._effects(case, fields, address)
            if any(not 0 <= accessed - case.window < WINDOW_SIZE for accessed in effects.addresses):
                raise Redraw
            case.reserved = self._random.choice((0, case.window, effects.addresses[0] & ~3))
        if not effects.interrupted and effects.next not in (address + 4, *self._layout.pads):
            raise Redraw

    def _effects(self, case: Case, fields: Mapping[str, int], address: int) -> Effects:
        encoding = case.instruction.encoding
        case.word = encoding.match
        for name, value in fields.items():
            case.word |= encoding.fields[name].insert(value)
        return self._observer.effects(case.instruction, case.word, address, case.registers)

    def _aim_access(self, case: Case, fields: dict[str, int], accessed: int) -> None:
        """Change a base or index register, or a displacement from zero, so that the access hits."""
        offset = self._random.randrange(0, WINDOW_SIZE - _LONGEST_ACCESS)
        if self._random.randrange(4):
            offset &= ~3
        base, index = fields.get("rA", 0), fields.get("rB")
        gpr = case.registers.gpr
        if base == 0 and index is None:
            low_window = next(self._low_windows, None)
            if low_window is None:
                raise Redraw
            case.window = low_window
            fields["D"] = case.window + offset
        elif base == index:
            gpr[base] = case.window + offset >> 1
        else:
            register = base or index or 0
            gpr[register] = gpr[register] + case.window + offset - accessed & 0xFFFFFFFF

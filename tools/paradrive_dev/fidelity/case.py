# SPDX-License-Identifier: GPL-2.0-or-later
"""A case: one instruction word, the registers and the memory that it meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.cpu.state import CoreState
    from paradrive.isa.instruction import Instruction


@dataclass
class Registers:
    """The registers of user mode: unsigned words, ``fpr`` doublewords or none in cases without them."""

    gpr: list[int] = field(default_factory=lambda: [0] * 32)
    cr: int = 0
    xer: int = 0
    lr: int = 0
    ctr: int = 0
    fpr: list[int] = field(default_factory=list)
    fpscr: int = 0

    def enter(self, state: CoreState) -> None:
        """Write them to the state of a core."""
        for number, value in enumerate(self.gpr):
            state.gpr[number] = value
        for bit in range(32):
            state.cr[bit] = self.cr >> 31 - bit & 1
        state.xer, state.lr, state.ctr = self.xer, self.lr, self.ctr
        for number, value in enumerate(self.fpr):
            state.fpr[number] = value
        state.fpscr = self.fpscr


@dataclass
class Case:
    """One instruction to execute. Addresses are effective ones."""

    instruction: Instruction
    word: int
    registers: Registers
    #: The memory which it may access, and what that holds before.
    window: int
    memory: bytes
    #: The address for which there is a reservation, 0 for none.
    reserved: int = 0

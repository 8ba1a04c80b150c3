# SPDX-License-Identifier: GPL-2.0-or-later
"""Running cases on the model: a bare core in user mode, and as much of Linux as a program asks for.

The compiled engine executes the very program that QEMU does. The reference engine would spend a hundred
times as long around the instructions under test as in them, so it gets the registers of each case directly.

Supervisor code consists of two instructions for each interrupt: a store that ends the run, after which
this module does what Linux would, and rfi.
"""

from __future__ import annotations

from struct import pack_into
from typing import TYPE_CHECKING

from paradrive.cpu import interrupts
from paradrive.cpu.clock import Clock
from paradrive.cpu.interrupts import ESR_FLOATING_POINT, ESR_TRAP
from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.state import MSR_FE0, MSR_FE1, MSR_FP, MSR_PR
from paradrive.cpu.vcpu import RunExit, Vcpu
from paradrive.devices.ram import Ram
from paradrive.isa import spr
from paradrive_dev.fidelity.assembler import store, word
from paradrive_dev.fidelity.errors import FidelityError
from paradrive_dev.fidelity.layout import BASE, FLOATING, SIGNAL
from paradrive_dev.fidelity.program import EXIT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paradrive.cpu.ports import Memory
    from paradrive_dev.fidelity.case import Case
    from paradrive_dev.fidelity.layout import Layout
    from paradrive_dev.fidelity.program import Program

#: RAM and the page that covers it, with room for the vectors behind the program.
_RAM_SIZE = 0x400000
_VECTORS = _RAM_SIZE - 0x10000
_VECTOR_SIZE = 0x100
#: A page of device registers at the end of both address spaces, which a store reaches without a register.
_DOOR, _DOOR_PHYSICAL = 0xFFFFF000, 0xFFFFFF000
#: Far more instructions than a case takes.
_BUDGET_OF_A_CASE, _BUDGET_OF_START = 1000, 10000

_SIGNALS = {
    interrupts.PROGRAM.vector_spr: SIGILL,
    interrupts.ALIGNMENT.vector_spr: SIGBUS,
    interrupts.DATA_STORAGE.vector_spr: SIGSEGV,
    interrupts.DATA_TLB_ERROR.vector_spr: SIGSEGV,
}
#: Those of program interrupts by their syndrome, unless they are SIGILL.
_PROGRAM_SIGNALS = {ESR_TRAP: SIGTRAP, ESR_FLOATING_POINT: SIGFPE}
#: User mode as QEMU's: with floating-point, and its enabled exceptions raised precisely.
USER_MSR = MSR_PR | MSR_FP | MSR_FE0 | MSR_FE1


class _Bus:
    """RAM from address 0 on, and the door: ``knock`` is called with the offset of a store to it."""

    def __init__(self, ram: Ram, knock: Callable[[int], None]) -> None:
        self._ram, self._knock = ram, knock

    def memory_at(self, address: int) -> Memory | None:
        return self._ram if address < self._ram.size else None

    def reader(self, _address: int, _size: int) -> Callable[[], int]:
        return lambda: 0

    def writer(self, address: int, _size: int) -> Callable[[int], None]:
        return lambda _value: self._knock(address - _DOOR_PHYSICAL)


class _UserMode:
    """A program in user mode on a core."""

    def __init__(self, program: Program, layout: Layout, core: str, engine: str) -> None:
        if layout.stack_end > _VECTORS:
            raise ValueError("the program does not fit the RAM for it")
        self.ram = Ram(0, _RAM_SIZE)
        self.vcpu = Vcpu(CPU_MODELS[core], _Bus(self.ram, self._interrupted), Clock(), engine=engine)
        self.interrupt: int | None = None
        self._layout = layout
        self.output: bytes | None = None

        self.ram.contents[BASE : BASE + len(program.memory)] = program.memory
        for number in range(16):
            leave = store(0, _DOOR + number).to_bytes(4, "big") + word("rfi").to_bytes(4, "big")
            vector = _VECTORS + _VECTOR_SIZE * number
            self.ram.contents[vector : vector + len(leave)] = leave
            self.vcpu.state.spr[spr.IVOR0 + number] = _VECTOR_SIZE * number
        self.vcpu.state.spr[spr.IVPR] = _VECTORS
        tlb1 = self.vcpu.mmu.tlb1
        tlb1[0] = TlbEntry(epn=0, rpn=0, size=_RAM_SIZE)
        tlb1[1] = TlbEntry(epn=_DOOR, rpn=_DOOR_PHYSICAL, size=PAGE_SIZE, permissions=0x15)
        self.vcpu.memory_changed()
        self.vcpu.core.write_msr(USER_MSR)
        self.vcpu.state.pc = program.entry

    def _interrupted(self, offset: int) -> None:
        self.interrupt = spr.IVOR0 + offset
        self.vcpu.request_stop()

    def run(self, budget: int) -> bytes:
        """Run until the program exits; return what it has written."""
        while True:
            end = self.vcpu.run(budget - self.vcpu.instructions)
            if end is not RunExit.STOPPED or self.interrupt is None:
                raise FidelityError(f"the model did not come to the program's end: {end.value}")
            if self.interrupt == interrupts.SYSTEM_CALL.vector_spr:
                if self._system_call():
                    break
            else:
                self._handle(self.interrupt)
        if self.output is None:
            raise FidelityError("the program exited on the model without having written anything")
        return self.output

    def _system_call(self) -> bool:
        """Serve a system call; tell whether the program ends. The kinds which are not known succeed."""
        gpr = self.vcpu.state.gpr
        if gpr[0] == EXIT:
            return True
        if gpr[0] == WRITE:
            self.output = bytes(self.ram.contents[gpr[4] : gpr[4] + gpr[5]])
            gpr[3] = gpr[5]
        else:
            gpr[3] = 0
        return False

    def _handle(self, interrupt: int) -> None:
        """Do what the program's signal handler does on Linux: note the signal, leave the instruction out."""
        self.ram.contents[SIGNAL : SIGNAL + 4] = self._signal(interrupt).to_bytes(4, "big")
        self.vcpu.state.spr[spr.SRR0] += 4

    def _signal(self, interrupt: int) -> int:
        """Return the signal that Linux sends for an interrupt which has just been taken."""
        signal = _SIGNALS.get(interrupt)
        if signal is None:
            raise FidelityError(f"unexpected interrupt {interrupt - spr.IVOR0} on the model")
        if signal == SIGILL:
            return _PROGRAM_SIGNALS.get(self.vcpu.state.spr[spr.ESR], SIGILL)
        return signal

    def execute(self, case: Case, number: int) -> None:
        """Execute the instruction of a case without the program, and store the result as the program does."""
        state, layout = self.vcpu.state, self._layout
        case.registers.enter(state)
        state.reserved, state.reservation = int(bool(case.reserved)), case.reserved
        state.pc = layout.instruction(number)
        self.vcpu.run(1)
        reached = signal = 0
        if not state.msr & MSR_PR:
            signal = self._signal(spr.IVOR0 + (state.pc - _VECTORS) // _VECTOR_SIZE)
            self.vcpu.core.write_msr(USER_MSR)
        elif state.pc in layout.pads:
            reached = layout.pads.index(state.pc) + 1
        words = [*state.gpr[:32], state.condition_register(), state.xer, state.lr, state.ctr, reached, signal]
        place = layout.result(number)
        pack_into(f">{len(words)}I", self.ram.contents, place, *words)
        if layout.floating_point:
            doublewords = [*state.fpr, state.fpscr]
            pack_into(f">{len(doublewords)}Q", self.ram.contents, place + FLOATING, *doublewords)


def run_program(program: Program, layout: Layout, core: str, engine: str = "compiled") -> bytes:
    """Return the memory that the program leaves, from `BASE` to the layout's end.

    Raises FidelityError when the program does not come to its end.
    """
    budget = _BUDGET_OF_START + _BUDGET_OF_A_CASE * layout.capacity
    return _UserMode(program, layout, core, engine).run(budget)


def run_cases(cases: Sequence[Case], program: Program, layout: Layout, core: str) -> bytes:
    """Return the memory with the results of the cases on the reference engine, as ``run_program``.

    Of the program's memory only the results and what the cases access is as the program would leave it.
    """
    user_mode = _UserMode(program, layout, core, "reference")
    for number, case in enumerate(cases):
        user_mode.execute(case, number)
    return bytes(user_mode.ram.contents[BASE : layout.end])

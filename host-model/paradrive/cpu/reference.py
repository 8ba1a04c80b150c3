# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference engine: the declarations run on integers, one instruction at a time.

It is the executable specification, and what the compiled engine hands every instruction to that it
does not execute itself. `tracing` makes Python functions of the declarations.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from paradrive.cpu import interrupts, sprs
from paradrive.cpu.floating_values import operation_on_values
from paradrive.cpu.interrupts import (
    ESR_DATA_CACHE_LOCKING,
    ESR_FLOATING_POINT,
    ESR_INSTRUCTION_CACHE_LOCKING,
    ESR_TRAP,
    SAVE_RESTORE,
    GuestInterrupt,
)
from paradrive.cpu.mmu import Access
from paradrive.cpu.state import (
    MSR_EE,
    MSR_FE0,
    MSR_FE1,
    MSR_FP,
    MSR_PR,
    MSR_UCLE,
    PENDING_WAIT,
    CoreState,
    offset_of,
)
from paradrive.cpu.tracing import bind
from paradrive.isa.decoder import decode
from paradrive.isa.disassembler import disassemble

if TYPE_CHECKING:
    from paradrive.cpu.core import Core
    from paradrive.cpu.tracing import Operation
    from paradrive.isa.instruction import Instruction

_PC, _MSR = offset_of("pc") // 4, offset_of("msr") // 4
_REMAINING = offset_of("remaining") // 8
_CLOCK_LIMIT = offset_of("clock_limit") // 8

_word_at = Struct(">I").unpack_from


class Reference:
    """Executes instructions on a `Core`.

    The traced declarations read and write its registers; for what takes more they call its methods, whose
    docstrings stand in `paradrive.isa.semantics.Context`.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.load, self.store = core.load, core.store
        self.require_supervisor = core.require_supervisor
        self.state: CoreState = core.state
        self.words, self.quads = core.state.words, core.state.quads
        self.gpr, self.cr, self.fpr = core.state.gpr, core.state.cr, core.state.fpr
        self._operations: dict[int, Operation] = {}

    def step(self) -> None:
        """Execute the instruction at pc or take the interrupt that it raises: one instruction either way."""
        words, quads, core = self.words, self.quads, self.core
        address = words[_PC]
        try:
            view, place = core.executable.get(address >> 12) or core.page_at(address, Access.FETCH)
            # Outside RAM there is no code; zero is illegal.
            word = 0 if view is None else _word_at(view, place + (address & 0xFFC))[0]
            words[_PC] = (self._operations.get(word) or self._decode(word))(address)
        except GuestInterrupt as raised:
            core.enter(raised, address)
        remaining = quads[_REMAINING]
        if remaining:
            quads[_REMAINING] = remaining - 1
        else:  # a device that was accessed has scheduled an event for now, which comes after the access
            quads[_CLOCK_LIMIT] += 1

    def _decode(self, word: int) -> Operation:
        """Return what executing ``word`` is, and remember it."""
        instruction = decode(word, self.core.model.name)
        if instruction is None:
            name = disassemble(word, self.core.model.name)

            def illegal(_address: int) -> int:
                raise self.core.illegal(name)

            return illegal  # not remembered: the guest could try every one of 2^32 words
        if len(self._operations) > 1 << 16:
            self._operations.clear()
        operation = self._operations[word] = self.operation(instruction, word)
        return operation

    def operation(self, instruction: Instruction, word: int) -> Operation:
        """Return what executing ``word``, which encodes ``instruction``, is."""
        if instruction.looks_at_values:
            return operation_on_values(instruction, self, word)
        return bind(instruction, self, word)

    def require_floating_point(self) -> None:
        """Raise the floating-point unavailable interrupt unless MSR[FP] is 1."""
        if not self.words[_MSR] & MSR_FP:
            raise GuestInterrupt(interrupts.FLOATING_POINT_UNAVAILABLE)

    def _require_alignment(self, address: int, access: Access) -> None:
        if address & 3:
            syndrome = interrupts.ESR_STORE if access is Access.WRITE else 0
            raise GuestInterrupt(interrupts.ALIGNMENT, syndrome=syndrome, data_address=address)

    def load_multiple(self, address: int, first: int) -> None:
        self._require_alignment(address, Access.READ)
        self.core.require_pages(address, 4 * (32 - first), Access.READ)
        for number in range(first, 32):
            self.gpr[number] = self.load(address + 4 * (number - first) & 0xFFFFFFFF, 4)

    def store_multiple(self, address: int, first: int) -> None:
        self._require_alignment(address, Access.WRITE)
        self.core.require_pages(address, 4 * (32 - first), Access.WRITE)
        for number in range(first, 32):
            self.store(address + 4 * (number - first) & 0xFFFFFFFF, self.gpr[number], 4)

    def load_and_reserve(self, address: int) -> int:
        self._require_alignment(address, Access.READ)
        value = self.load(address, 4)
        self.state.reserved, self.state.reservation = 1, address
        return value

    def store_conditional(self, address: int, value: int) -> int:
        self._require_alignment(address, Access.WRITE)
        held = self.state.reserved and self.state.reservation == address
        if held:
            self.store(address, value, 4)
        self.state.reserved = 0
        return int(held)

    def zero_cache_block(self, address: int) -> None:
        size = self.core.model.cache_line_size
        view, place = self.core.page_at(address, Access.WRITE)
        if view is None:
            raise GuestInterrupt(interrupts.ALIGNMENT, syndrome=interrupts.ESR_STORE, data_address=address)
        place += address & 0xFFF & -size
        view[place : place + size] = bytes(size)

    def touch_cache_block(self, address: int, *, store: bool) -> None:
        self.core.page_at(address, Access.WRITE if store else Access.READ)

    def require_cache_locking(self, address: int, *, instruction: bool) -> None:
        if self.words[_MSR] & (MSR_PR | MSR_UCLE) == MSR_PR:
            syndrome = ESR_INSTRUCTION_CACHE_LOCKING if instruction else ESR_DATA_CACHE_LOCKING
            raise GuestInterrupt(interrupts.DATA_STORAGE, syndrome=syndrome, data_address=address)

    def trap_if(self, condition: int) -> None:
        if condition:
            raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_TRAP)

    def raise_floating_point_enabled(self) -> None:
        if self.words[_MSR] & (MSR_FE0 | MSR_FE1):
            raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_FLOATING_POINT)

    def read_spr(self, number: int) -> int:
        return sprs.read(self.core, number)

    def write_spr(self, number: int, value: int) -> None:
        sprs.write(self.core, number, value)

    def read_msr(self) -> int:
        return self.words[_MSR]

    def write_msr(self, value: int) -> None:
        self.core.write_msr(value)

    def write_external_enable(self, value: int) -> None:
        self.words[_MSR] = self.words[_MSR] & ~MSR_EE | value

    def wait_for_interrupt(self) -> None:
        self.state.pending |= PENDING_WAIT

    def system_call(self) -> None:
        raise GuestInterrupt(interrupts.SYSTEM_CALL, after=True)

    def return_from_interrupt(self, level: str) -> int:
        """Restore the MSR of before the interrupt; return the address to continue at."""
        registers = SAVE_RESTORE[level]
        self.core.write_msr(self.state.spr[registers.status])
        return self.state.spr[registers.address] & ~3

    def tlb_write_entry(self) -> None:
        self.core.mmu.write_entry()

    def tlb_read_entry(self) -> None:
        self.core.mmu.read_entry()

    def tlb_search(self, address: int) -> None:
        self.core.mmu.search(address)

    def tlb_invalidate_address(self, address: int) -> None:
        self.core.mmu.invalidate_address(address)

    def tlb_invalidate_local(self, kind: int, address: int) -> None:
        self.core.mmu.invalidate_local(kind, address)

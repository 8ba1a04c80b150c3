# SPDX-License-Identifier: GPL-2.0-or-later
"""What an instruction would do, found by executing its declaration: where it leads, what it accesses.

This is how cases are aimed at memory and code that exist, without a list of which instructions access
memory or branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.clock import Clock
from paradrive.cpu.core import Core, Page
from paradrive.cpu.interrupts import GuestInterrupt
from paradrive.cpu.mmu import Access, TlbEntry
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.reference import Reference
from paradrive.cpu.state import MSR_FP, MSR_PR
from paradrive_dev.fidelity.case import Registers

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.isa.instruction import Instruction


class Effects(NamedTuple):
    """What executing an instruction once has led to."""

    #: Every effective address that was accessed, or for which an interrupt was raised, in order.
    addresses: tuple[int, ...]
    #: Where execution goes on, unless ``interrupted``.
    next: int
    interrupted: bool


class _NoMemory:
    """A bus without memory, on which every access is a device's and reads as zero."""

    def memory_at(self, _address: int) -> None:
        return None

    def reader(self, _address: int, _size: int) -> Callable[[], int]:
        return lambda: 0

    def writer(self, _address: int, _size: int) -> Callable[[int], None]:
        return lambda _value: None


class _ObservedCore(Core):
    """A core that notes the addresses which it translates; it never keeps a translation."""

    addresses: list[int]

    def page_at(self, address: int, access: Access) -> Page:
        self.addresses.append(address)
        return None, address & ~0xFFF


class _ObservedReference(Reference):
    """The reference engine, for which every reservation holds."""

    def load_and_reserve(self, address: int) -> int:
        self.core.page_at(address, Access.READ)
        return super().load_and_reserve(address)

    def store_conditional(self, address: int, value: int) -> int:
        self.core.page_at(address, Access.WRITE)
        return super().store_conditional(address, value)


class Observer:
    """Executes single instructions of a core in user mode, with no memory behind them."""

    def __init__(self, core: str) -> None:
        self._core = _ObservedCore(CPU_MODELS[core], _NoMemory(), Clock(), 1, None, 0)
        self._core.addresses = []
        self._core.mmu.tlb1[0] = TlbEntry(epn=0, rpn=0, size=1 << 32)
        self._core.write_msr(MSR_PR | MSR_FP)
        self._reference = _ObservedReference(self._core)

    def effects(self, instruction: Instruction, word: int, address: int, registers: Registers) -> Effects:
        """Return what ``word`` does at ``address`` with these registers, which it does not change."""
        registers.enter(self._core.state)
        self._core.addresses = []
        self._core.state.pc = address
        try:
            following = self._reference.operation(instruction, word)(address)
        except GuestInterrupt as raised:
            if raised.data_address is not None:
                self._core.addresses.append(raised.data_address)
            return Effects(tuple(self._core.addresses), address, True)
        return Effects(tuple(self._core.addresses), following, False)

    def updates_base(self, instruction: Instruction) -> bool:
        """Tell whether ``instruction`` accesses memory and writes the address to rA."""
        fields = instruction.encoding.fields
        if "rA" not in fields:
            return False
        word = instruction.encoding.match | fields["rA"].insert(2)
        for name, value in (("rB", 3), ("D", 8)):
            if name in fields:
                word |= fields[name].insert(value)
        registers = Registers(gpr=[0, 0, 0x1000, 0x20] + [0] * 28)
        accesses = self.effects(instruction, word, 0x100, registers).addresses
        return bool(accesses) and self._core.state.gpr[2] == accesses[0] != 0x1000

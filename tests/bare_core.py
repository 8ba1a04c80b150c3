# SPDX-License-Identifier: GPL-2.0-or-later
"""A core with nothing around it but RAM and a page of recorded device registers, and programs for it.

Programs are made of the instruction declarations themselves, so that no test needs an assembler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import pytest

from paradrive.cpu.clock import Clock
from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.vcpu import Vcpu
from paradrive.devices.ram import Ram
from paradrive.isa import spr
from paradrive.isa.decoder import instructions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.ports import InterruptController, Memory
    from paradrive.cpu.vcpu import RunExit
    from paradrive.isa.instruction import Instruction

ENGINES = ("compiled", "reference")

PAGE = 0x1000
#: RAM begins at physical address 0 and is mapped there one to one.
RAM_SIZE = 0x40000
RAM_PAGE_SIZE = 0x40000 * 4
#: The device page: effective and physical address.
DEVICE, DEVICE_PHYSICAL = 0xE0000000, 0xFE0000000
CODE = 0x1000
DATA = 0x8000
#: Interrupt number n enters its handler at VECTORS + 0x100 * n.
VECTORS = 0x20000

MSR_WE, MSR_CE, MSR_EE, MSR_PR, MSR_FP, MSR_ME = 0x40000, 0x20000, 0x8000, 0x4000, 0x2000, 0x1000
MSR_DE, MSR_IS, MSR_DS = 0x200, 0x20, 0x10
HID0_NAP = 0x400000


@cache
def _declarations() -> dict[str, Instruction]:
    both = (*instructions_of("e500v2"), *instructions_of("e500mc"))
    return {instruction.mnemonic: instruction for instruction in both}


def insn(mnemonic: str, **fields: int) -> int:
    """Return the word of an instruction whose fields are as given, the others zero; "add", not "add."."""
    encoding = _declarations()[mnemonic].encoding
    word = encoding.match
    for name, value in fields.items():
        word |= encoding.fields[name].insert(value)
    return word


def li(register: int, value: int) -> int:
    """Load a signed 16-bit value."""
    return insn("addi", rT=register, SI=value)


def load_constant(register: int, value: int) -> list[int]:
    """Load any 32-bit value."""
    high = insn("addis", rT=register, SI=value >> 16)
    return [high, insn("ori", rA=register, rS=register, UI=value)]


def mtspr(number: int, register: int) -> int:
    return insn("mtspr", SPR=number, rS=register)


def mfspr(register: int, number: int) -> int:
    return insn("mfspr", SPR=number, rT=register)


def jump(distance: int) -> int:
    """Branch by ``distance`` bytes."""
    return insn("b", LI=distance // 4)


HALT = jump(0)
NOP = insn("ori")
ILLEGAL = 0


@dataclass
class RecordingBus:
    """RAM, and a device that keeps what it is asked: ``accesses`` holds (address, size, value or None)."""

    memories: list[Ram]
    accesses: list[tuple[int, int, int | None]] = field(default_factory=list)
    #: What the device's registers read as, cut to the size of the access.
    answer: int = 0x81828384
    #: Called within each device access, after it has been recorded.
    on_access: Callable[[], object] = lambda: None

    def memory_at(self, address: int) -> Memory | None:
        for memory in self.memories:
            if memory.base <= address < memory.base + memory.size:
                return memory
        return None

    def reader(self, address: int, size: int) -> Callable[[], int]:
        def read() -> int:
            self.accesses.append((address, size, None))
            self.on_access()
            return self.answer & (1 << 8 * size) - 1

        return read

    def writer(self, address: int, size: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            self.accesses.append((address, size, value))
            self.on_access()

        return write


class BareCore:
    """A Vcpu in supervisor state: RAM and device mapped by TLB 1, interrupt vectors set, and pc at CODE."""

    def __init__(
        self,
        engine: str,
        model: str = "e500v2",
        *,
        controller: InterruptController | None = None,
        timebase_frequency: int = 400_000_000,
    ) -> None:
        self.ram = Ram(0, RAM_SIZE)
        self.bus = RecordingBus([self.ram])
        self.clock = Clock()
        self.vcpu = Vcpu(
            CPU_MODELS[model],
            self.bus,
            self.clock,
            engine=engine,
            interrupt_controller=controller,
            timebase_frequency=timebase_frequency,
        )
        self.state = self.vcpu.state
        self.gpr, self.spr = self.state.gpr, self.state.spr
        self.power_on()

    def power_on(self) -> None:
        """Reset the core, clear RAM and map RAM and device again; time goes on."""
        self.vcpu.reset()
        self.ram.contents[:] = bytes(RAM_SIZE)
        self.bus.accesses.clear()
        tlb1 = self.vcpu.mmu.tlb1
        tlb1[0] = TlbEntry(epn=0, rpn=0, size=RAM_PAGE_SIZE)
        tlb1[1] = TlbEntry(epn=DEVICE, rpn=DEVICE_PHYSICAL)
        self.spr[spr.IVPR] = VECTORS
        self.spr[spr.HID0] = HID0_NAP
        for number in range(16):
            self.spr[spr.IVOR0 + number] = 0x100 * number
        self.state.pc = CODE

    def put(self, address: int, *words: int) -> None:
        """Write instructions or data to RAM."""
        data = b"".join(word.to_bytes(4, "big") for word in words)
        self.ram.contents[address : address + len(data)] = data
        self.look_again()

    def look_again(self) -> None:
        """Have the core look at all that a test has changed behind its back; a reservation stays."""
        reserved = self.state.reserved
        self.vcpu.memory_changed()
        self.state.reserved = reserved

    def word(self, address: int) -> int:
        """Read a word of RAM."""
        return int.from_bytes(self.ram.contents[address : address + 4], "big")

    def execute(self, *program: int, at: int = CODE, budget: int | None = None) -> RunExit:
        """Run a program from its first word on: as many instructions as it has words, or ``budget``."""
        self.put(at, *program)
        self.state.pc = at
        return self.vcpu.run(len(program) if budget is None else budget)

    def snapshot(self) -> Callable[[], None]:
        """Return what brings core and RAM back to their present state."""
        snapshot, copy = self.vcpu.snapshot(), Ram(self.ram.base, self.ram.size)
        copy.contents[:] = self.ram.contents

        def restore() -> None:
            self.clock.clear()
            self.vcpu.restore(snapshot, [(self.ram, copy)])

        return restore

    @property
    def interrupt(self) -> int | None:
        """The number of the interrupt whose handler is about to run; None if pc is elsewhere."""
        number, within = divmod(self.state.pc - VECTORS, 0x100)
        return number if 0 <= number < 16 and not within else None

    def tlbwe(self, mas0: int, mas1: int, mas2: int, mas3: int, mas7: int = 0) -> None:
        """Have the core execute tlbwe, pc excepted changing nothing else."""
        numbers = (spr.MAS0, spr.MAS1, spr.MAS2, spr.MAS3, spr.MAS7)
        for number, value in zip(numbers, (mas0, mas1, mas2, mas3, mas7), strict=True):
            self.spr[number] = value
        self.execute(insn("tlbwe"))


@pytest.fixture(params=ENGINES)
def core(request: pytest.FixtureRequest) -> BareCore:
    """Return a bare e500v2 on each engine."""
    return BareCore(request.param)

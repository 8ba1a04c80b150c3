# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a device does within an access, both engines make the same of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from engine_pair import REPEATABLE, SEEDS, put_handlers, randomise
from hypothesis import given, settings

from bare_core import (
    CODE,
    DATA,
    DEVICE,
    ENGINES,
    MSR_EE,
    MSR_FP,
    NOP,
    PAGE,
    RAM_SIZE,
    BareCore,
    insn,
    jump,
)
from paradrive.cpu.mmu import TlbEntry
from paradrive.devices.ram import Ram
from paradrive.isa.decoder import instructions_of
from paradrive.isa.instruction import E500MC, E500V2

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.vcpu import VcpuSnapshot
    from paradrive.isa.instruction import Instruction

#: A page of RAM behind the page of the device, which comes and goes; before it is the page of the code.
SECOND = 0x100000
ABOVE, BELOW = DEVICE + PAGE, DEVICE - PAGE
PREFIXES = ("lb", "lh", "lw", "lm", "lf", "st", "dcbz")
ACCESSES = {
    model: [i for i in instructions_of(model) if i.mnemonic.startswith(PREFIXES)]
    for model in (E500V2, E500MC)
}
BASES = (
    DEVICE,
    DEVICE + 0x20,
    DEVICE + 0xFF8,
    DEVICE + 0xFFD,
    BELOW + 0xFF0,
    BELOW + 0xFFD,
    DATA,
    ABOVE,
    CODE,
)
BASE_REGISTERS, INDEX_REGISTERS = range(20, 28), range(28, 30)


class DeviceFailedError(Exception):
    """What a device raises."""


class Fuzzed:
    """A core with a program that accesses a device, which does anything to the core."""

    def __init__(self, engine: str, model: str, seed: int) -> None:
        self.core = core = BareCore(engine, model)
        self.second = Ram(SECOND, PAGE)
        core.bus.memories.append(self.second)
        core.vcpu.mmu.tlb1[2] = TlbEntry(epn=ABOVE, rpn=SECOND)
        core.vcpu.mmu.tlb1[3] = TlbEntry(epn=BELOW, rpn=CODE)
        self.accesses = ACCESSES[model]
        self.log: list[object] = []
        self.breakpoints: list[tuple[int, Callable[[], None]]] = []
        self.snapshots: list[tuple[VcpuSnapshot, list[tuple[Ram, Ram]]]] = []
        source = random.Random(seed)
        randomise(core, seed, user=source.randrange(4) == 0)
        put_handlers(core)
        self.length, self.start = source.randrange(3, 14), source.choice((CODE, CODE + PAGE - 8))
        core.put(self.start, *(self.word(source) for _ in range(self.length)), jump(-4 * self.length))
        for register in BASE_REGISTERS:
            core.gpr[register] = source.choice(BASES)
        core.gpr[28], core.gpr[29] = 0, source.choice((0, 4, 8))
        core.state.msr |= MSR_FP | source.choice((0, MSR_EE))
        core.state.pc = self.start
        core.look_again()
        core.bus.on_access = lambda: self.act("access")
        self.acts, self.steps = random.Random(source.random()), random.Random(source.random())

    def word(self, source: random.Random) -> int:
        """Return an instruction, most often one that accesses memory."""
        kind = source.randrange(10)
        if kind == 7:
            return NOP
        if kind == 8:
            return insn(
                "addi", rT=source.randrange(3, 7), rA=source.randrange(3, 7), SI=source.randrange(100)
            )
        if kind == 9:
            return insn("bc", BO=source.choice((12, 4)), BI=2, BD=source.choice((-2, 2, 3)))
        instruction = source.choice(self.accesses)
        return insn(
            instruction.mnemonic,
            **{name: self.operand(instruction, name, source) for name in instruction.encoding.fields},
        )

    @staticmethod
    def operand(instruction: Instruction, name: str, source: random.Random) -> int:
        if name in ("rA", "rB"):
            return source.choice(BASE_REGISTERS if name == "rA" else INDEX_REGISTERS)
        if name == "D":
            return source.choice((0, 0, 1, 2, 4, 8))
        return source.choice((29, 30, 31) if instruction.mnemonic == "lmw" else (3, 4, 5, 6, 26, 30, 31))

    def write(self, address: int, *words: int) -> None:
        """Write to RAM as a device does, if there is RAM."""
        memory = self.core.bus.memory_at(address)
        if memory is not None:
            data = b"".join(word.to_bytes(4, "big") for word in words)
            memory.contents[address - memory.base : address - memory.base + len(data)] = data
            self.core.vcpu.memory_written(address, len(data))

    def act(self, occasion: str) -> None:
        """Do something, be it within an access or when an event is due."""
        core, vcpu, source = self.core, self.core.vcpu, self.acts
        now, pc = core.clock.now(), core.state.pc
        self.log.append((occasion, now, pc))
        near = source.choice((pc, pc + 4, pc - 4, self.start + 4 * source.randrange(self.length)))
        place, word = near % (RAM_SIZE - 8), self.word(source)
        match source.randrange(20):
            case 0 | 1 | 2 | 3:
                self.write(place, *[word] * source.randrange(1, 3))
            case 4:
                self.write(source.choice((DATA, DATA + 0xFFC, SECOND, SECOND + 8)), word, word)
            case 5:
                vcpu.memory_changed()
            case 6 | 7:
                self.set_breakpoint(place, word, source.randrange(3))
            case 8 if self.breakpoints:
                vcpu.remove_breakpoint(*self.breakpoints.pop())
            case 9:
                vcpu.devices_changed()
            case 10 | 11:
                core.clock.at(now + source.randrange(6), lambda: self.act("event"))
            case 12:
                vcpu.set_external_interrupt(True)
                core.clock.at(now + 5, lambda: vcpu.set_external_interrupt(False))
            case 13:
                vcpu.request_stop()
            case 14:
                memories = core.bus.memories
                memories.remove(self.second) if self.second in memories else memories.append(self.second)
                vcpu.memory_changed()
            case 15:
                core.bus.answer = source.getrandbits(32)
            case 16 if occasion == "access" and source.randrange(3) == 0:
                self.write(place, word)
                raise DeviceFailedError

    def set_breakpoint(self, place: int, word: int, kind: int) -> None:
        def reached() -> None:
            self.log.append(("breakpoint", place, self.core.vcpu.instructions))
            if kind == 1:
                self.core.vcpu.request_stop()
            elif kind == 2:
                self.write(place, word)

        self.breakpoints.append((place, reached))
        self.core.vcpu.set_breakpoint(place, reached)

    def snapshot(self) -> None:
        copies = []
        for memory in (self.core.ram, self.second):
            copy = Ram(memory.base, memory.size)
            copy.contents[:] = memory.contents
            copies.append((memory, copy))
        self.snapshots = [(self.core.vcpu.snapshot(), copies)]

    def restore(self) -> None:
        """Return to the snapshot; all RAM must have its contents of then."""
        ((snapshot, copies),) = self.snapshots
        self.core.clock.clear()
        self.breakpoints.clear()
        self.core.vcpu.restore(snapshot, copies)
        for memory, copy in copies:
            assert memory.contents == copy.contents

    def run(self) -> list[object]:
        """Run in slices, with snapshots and restores between them; return what can be observed."""
        observed: list[object] = []
        for _ in range(self.steps.randrange(2, 9)):
            kind = self.steps.randrange(8)
            if kind < 5:
                try:
                    observed.append(self.core.vcpu.run(self.steps.randrange(1, 30)))
                except DeviceFailedError:
                    observed.append("failed")
            elif kind == 5 or not self.snapshots:
                self.snapshot()
            else:
                self.restore()
            memory = bytes(self.core.ram.contents[: DATA + PAGE]), bytes(self.second.contents)
            observed += [self.core.state.architectural(), self.core.vcpu.instructions, *memory]
        return [*observed, self.core.bus.accesses, self.log]


@pytest.mark.parametrize("model", [E500V2, E500MC])
@settings(REPEATABLE, max_examples=60)
@given(seed=SEEDS)
def test_hooks_of_any_kind_do_the_same_on_both_engines(model: str, seed: int) -> None:
    compiled, reference = (Fuzzed(engine, model, seed).run() for engine in ENGINES)
    assert compiled == reference

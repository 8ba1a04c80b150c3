# SPDX-License-Identifier: GPL-2.0-or-later
"""Both engines boot the real kernel to its power-off, compared after every instruction."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest

from paradrive.cpu.state import offset_of
from paradrive.cpu.vcpu import ReferenceEngine
from paradrive.machine.boot import Initrd
from paradrive.machine.devicetree import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import NoProgress, PoweredOff
from paradrive_tools.guest_build import BuildError, ensure_guest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from paradrive.cpu.vcpu import Engine
    from paradrive.machine.outcome import Outcome
    from paradrive_tools.guest_build import GuestFiles

#: Instructions that one machine executes before the other follows: the states stay in the host's caches.
CHUNK = 128
#: More than a boot takes.
LIMIT = 50_000_000
#: As little RAM as the guest boots with: to set up more of it only repeats the same loops.
MEMORY_SIZE = 16 << 20

#: A register that the beginning of the boot does not use.
SPRG7 = 279

PENDING = offset_of("pending") // 4
REMAINING, CLOCK_LIMIT = (offset_of(name) // 8 for name in ("remaining", "clock_limit"))


@pytest.fixture(scope="module")
def guest() -> GuestFiles:
    try:
        return ensure_guest("e500v2")
    except BuildError as error:
        pytest.skip(f"no guest: {error}")


class Stepping:
    """An engine that executes one instruction of ``inner`` at a time and calls ``after`` behind each."""

    def __init__(self, machine: Machine, after: Callable[[], None]) -> None:
        self.after = after
        self.inner: Engine = machine.vcpu.engine
        self.words, self.quads = machine.vcpu.state.words, machine.vcpu.state.quads
        self._end = 0
        self._rearm = machine.clock.rearm
        machine.clock.rearm = self._rearm_for_one
        machine.vcpu.engine = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _limit_to_one(self) -> None:
        """Let ``inner`` execute only the instruction that it is at; remember when it should have ended."""
        quads = self.quads
        self._end, remaining = quads[CLOCK_LIMIT], quads[REMAINING]
        if remaining:
            quads[CLOCK_LIMIT], quads[REMAINING] = self._end - remaining + 1, 1

    def _rearm_for_one(self) -> None:
        # What is executed now has scheduled an event.
        self._rearm()
        self._limit_to_one()

    def execute(self) -> None:
        words, quads, execute, after = self.words, self.quads, self.inner.execute, self.after
        self._limit_to_one()
        while True:
            execute()
            if quads[REMAINING]:
                return  # something is pending, and nothing has been executed
            after()
            now = quads[CLOCK_LIMIT]
            if words[PENDING] or now >= self._end:
                return
            quads[CLOCK_LIMIT] = now + 1
            quads[REMAINING] = 1


class Half:
    """One of the two machines, with what it sends on its console."""

    def __init__(self, guest: GuestFiles, engine: Literal["compiled", "reference"]) -> None:
        configuration = Configuration(
            DeviceTree(guest.dtb.read_bytes(), str(guest.dtb)),
            load_kernel(str(guest.kernel)),
            Initrd(str(guest.initrd), guest.initrd.read_bytes()),
            memory_size=MEMORY_SIZE,
            engine=engine,
        )
        self.console = bytearray()
        self.machine = Machine(configuration, self.console.append)
        self.state = self.machine.vcpu.state

    def memory(self) -> bytes:
        ram = self.machine.bus.memory_at(0)
        assert ram is not None
        return bytes(ram.view)


class Lockstep:
    """A guest on both engines, of which the reference is ahead by a chunk at most."""

    def __init__(self, guest: GuestFiles) -> None:
        self.ahead, self.behind = Half(guest, "reference"), Half(guest, "compiled")
        self.compared = 0
        #: The states behind each instruction that only the reference has executed.
        self._states: deque[bytes] = deque()
        self._remember_each_step()
        Stepping(self.behind.machine, self._compare)

    def _remember_each_step(self) -> None:
        engine, architectural, remember = (
            self.ahead.machine.vcpu.engine,
            self.ahead.state.architectural,
            self._states.append,
        )
        assert isinstance(engine, ReferenceEngine)
        step = engine.reference.step

        def step_and_remember() -> None:
            step()
            remember(architectural())

        engine.reference.step = step_and_remember  # type: ignore[method-assign]

    def _compare(self) -> None:
        if self._states.popleft() != self.behind.state.architectural():
            state = self.behind.state
            registers = [hex(state.gpr[number]) for number in range(32)]
            number = self.behind.machine.vcpu.instructions
            pytest.fail(f"differs after instruction {number}, pc {state.pc:#x}, {registers}")

    def run(self, budget: int) -> Outcome:
        """Have both execute so many instructions; fails where they differ after one of them."""
        outcome = self.ahead.machine.run(budget, reset_limit=0)
        self.compared += len(self._states)
        assert self.behind.machine.run(budget, reset_limit=0) == outcome
        assert not self._states
        assert self.behind.console == self.ahead.console
        return outcome


@pytest.mark.long
def test_engines_agree_after_every_instruction_of_a_boot(guest: GuestFiles) -> None:
    both = Lockstep(guest)
    outcome = both.run(CHUNK)
    while isinstance(outcome, NoProgress) and both.compared < LIMIT:
        outcome = both.run(CHUNK)
    assert outcome == PoweredOff(0)
    instructions = both.behind.machine.vcpu.instructions
    assert both.compared == both.ahead.machine.vcpu.instructions == instructions > 1_000_000
    assert both.behind.memory() == both.ahead.memory()


def test_difference_that_heals_after_an_instruction_is_reported(guest: GuestFiles) -> None:
    both = Lockstep(guest)
    both.run(CHUNK)
    machine, sprs = both.behind.machine, both.behind.state.spr

    def flip_bit() -> None:
        sprs[SPRG7] ^= 1

    def flip_bit_and_back() -> None:
        flip_bit()
        machine.call_at(CHUNK + 101, flip_bit)

    machine.call_at(CHUNK + 100, flip_bit_and_back)
    with pytest.raises(pytest.fail.Exception, match=f"differs after instruction {CHUNK + 101},"):
        both.run(CHUNK)

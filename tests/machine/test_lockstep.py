# SPDX-License-Identifier: GPL-2.0-or-later
"""Both engines boot the real kernel to its power-off, compared after every instruction."""

from __future__ import annotations

import ctypes
from mmap import mmap
from typing import TYPE_CHECKING

import pytest
from steps_that_agree import STATE_SIZE, steps_that_agree

from paradrive.cpu.compiled.engine import CompiledEngine
from paradrive.cpu.state import offset_of
from paradrive.cpu.vcpu import ReferenceEngine
from paradrive.devicetree.node import DeviceTree
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import NoProgress, PoweredOff
from paradrive_tools.guest_build import BuildError, ensure_guest

if TYPE_CHECKING:
    from typing import Any, Literal

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
    """A compiled engine that executes one instruction at a time, and fails where its state is unexpected.

    ``expected`` is a file of the states behind the next instructions, which ends where it is written to.
    """

    def __init__(self, machine: Machine) -> None:
        engine = machine.vcpu.engine
        assert isinstance(engine, CompiledEngine)
        self.inner, self.machine, self.state = engine, machine, machine.vcpu.state
        self.words, self.quads = self.state.words, self.state.quads
        self.expected = mmap(-1, CHUNK * STATE_SIZE)
        self._expected_address = ctypes.addressof(ctypes.c_char.from_buffer(self.expected))
        self.compared = 0
        self._steps_that_agree = steps_that_agree()
        self._end = 0
        self._rearm = machine.clock.rearm
        machine.clock.rearm = self._rearm_for_one
        machine.vcpu.engine = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def count(self) -> int:
        """The number of states to expect."""
        return self.expected.tell() // STATE_SIZE

    def start(self) -> None:
        """Expect other states."""
        self.expected.seek(0)
        self.compared = 0

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
        words, quads, execute = self.words, self.quads, self.inner.execute
        self._limit_to_one()
        while True:
            execute()
            if quads[REMAINING]:
                return  # something is pending, and nothing has been executed
            self._compare()
            if words[PENDING] or not self._allow_one():
                return
            self._execute_those_that_agree()
            if not quads[REMAINING]:
                return

    def _allow_one(self) -> bool:
        """Let one more instruction be executed, if the time has not come to end."""
        quads = self.quads
        now = quads[CLOCK_LIMIT]
        if now < self._end:
            quads[CLOCK_LIMIT], quads[REMAINING] = now + 1, 1
        return now < self._end

    def _execute_those_that_agree(self) -> None:
        """Execute up to an instruction which needs Python."""
        most = min(self._end - self.quads[CLOCK_LIMIT] + 1, self.count - self.compared)
        if most == 0:
            return  # there will be nothing to compare the next one with
        address = self.state.host_address
        expected = self._expected_address + self.compared * STATE_SIZE
        agreed = self._steps_that_agree(self.inner.code.run, address, address, expected, most)
        self.compared += agreed
        if agreed < most and not self.quads[REMAINING]:
            self._compare()

    def _compare(self) -> None:
        start = self.compared * STATE_SIZE
        self.compared += 1
        expected = self.expected[start : start + STATE_SIZE]
        if self.compared > self.count or self.state.architectural() != expected:
            registers = [hex(self.state.gpr[number]) for number in range(32)]
            number = self.machine.vcpu.instructions
            pytest.fail(f"differs after instruction {number}, pc {self.state.pc:#x}, {registers}")


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
        return bytes(ram.contents)


class Lockstep:
    """A guest on both engines, of which the reference is ahead by a chunk at most."""

    def __init__(self, guest: GuestFiles) -> None:
        self.ahead, self.behind = Half(guest, "reference"), Half(guest, "compiled")
        self.compared = 0
        self._stepping = Stepping(self.behind.machine)
        self._remember_each_step()

    def _remember_each_step(self) -> None:
        engine, stepping = self.ahead.machine.vcpu.engine, self._stepping
        assert isinstance(engine, ReferenceEngine)
        step, remember = engine.reference.step, stepping.expected.write
        state = self.ahead.state.bytes[:STATE_SIZE]

        def step_and_remember() -> None:
            step()
            remember(state)

        engine.reference.step = step_and_remember  # type: ignore[method-assign]

    def run(self, budget: int) -> Outcome:
        """Have both execute at most CHUNK instructions; fails where they differ after one of them."""
        stepping = self._stepping
        stepping.start()
        outcome = self.ahead.machine.run(budget, reset_limit=0)
        assert self.behind.machine.run(budget, reset_limit=0) == outcome
        assert stepping.compared == stepping.count
        self.compared += stepping.count
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


@pytest.mark.parametrize("name", ["ahead", "behind"])
def test_difference_that_heals_after_an_instruction_is_reported(guest: GuestFiles, name: str) -> None:
    both = Lockstep(guest)
    both.run(CHUNK)
    machine = getattr(both, name).machine
    sprs = machine.vcpu.state.spr

    def flip_bit() -> None:
        sprs[SPRG7] ^= 1

    def flip_bit_and_back() -> None:
        flip_bit()
        machine.call_at(CHUNK + 101, flip_bit)

    machine.call_at(CHUNK + 100, flip_bit_and_back)
    with pytest.raises(pytest.fail.Exception, match=f"differs after instruction {CHUNK + 101},"):
        both.run(CHUNK)

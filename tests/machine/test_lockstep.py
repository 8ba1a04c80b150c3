# SPDX-License-Identifier: GPL-2.0-or-later
"""Both engines boot the real kernel to its power-off, compared after every instruction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    from paradrive_tools.guest_build import GuestFiles

#: Instructions that one machine executes before the other follows.
CHUNK = 4096
#: More than a boot takes.
LIMIT = 50_000_000


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
        self.state = machine.vcpu.state
        self._end = 0
        self._rearm = machine.clock.rearm
        machine.clock.rearm = self._rearm_for_one
        machine.vcpu.engine = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _limit_to_one(self) -> None:
        """Let ``inner`` execute only the instruction that it is at; remember when it should have ended."""
        state = self.state
        self._end, remaining = state.clock_limit, state.remaining
        if remaining:
            state.clock_limit, state.remaining = self._end - remaining + 1, 1

    def _rearm_for_one(self) -> None:
        # What is executed now has scheduled an event.
        self._rearm()
        self._limit_to_one()

    def execute(self) -> None:
        state, inner, after = self.state, self.inner, self.after
        self._limit_to_one()
        while True:
            inner.execute()
            if state.remaining:
                return  # something is pending, and nothing has been executed
            after()
            if state.pending or state.clock_limit >= self._end:
                return
            state.clock_limit += 1
            state.remaining = 1


class Half:
    """One of the two machines, with what it sends on its console."""

    def __init__(self, guest: GuestFiles, engine: Literal["compiled", "reference"]) -> None:
        configuration = Configuration(
            DeviceTree(guest.dtb.read_bytes(), str(guest.dtb)),
            load_kernel(str(guest.kernel)),
            Initrd(str(guest.initrd), guest.initrd.read_bytes()),
            engine=engine,
        )
        self.console = bytearray()
        self.machine = Machine(configuration, self.console.append)
        self.state = self.machine.vcpu.state

    def memory(self) -> bytes:
        ram = self.machine.bus.memory_at(0)
        assert ram is not None
        return bytes(ram.view)


@pytest.mark.long
def test_engines_agree_after_every_instruction_of_a_boot(guest: GuestFiles) -> None:
    ahead, behind = Half(guest, "reference"), Half(guest, "compiled")
    states: list[bytes] = []
    compared = 0

    def remember() -> None:
        states.append(ahead.state.architectural())

    def compare() -> None:
        nonlocal compared
        position = compared % CHUNK
        if states[position] != behind.state.architectural():
            registers = [hex(behind.state.gpr[number]) for number in range(32)]
            pytest.fail(f"differs after instruction {compared + 1}, pc {behind.state.pc:#x}, {registers}")
        compared += 1

    Stepping(ahead.machine, remember)
    Stepping(behind.machine, compare)
    outcome = ahead.machine.run(0, reset_limit=0)
    while isinstance(outcome, NoProgress) and compared < LIMIT:
        states.clear()
        outcome = ahead.machine.run(CHUNK, reset_limit=0)
        assert behind.machine.run(CHUNK, reset_limit=0) == outcome
        assert behind.console == ahead.console
    assert outcome == PoweredOff(0)
    assert compared == ahead.machine.vcpu.instructions == behind.machine.vcpu.instructions > 1_000_000
    assert behind.memory() == ahead.memory()

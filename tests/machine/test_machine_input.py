# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host types reaches the guest; what the guest does not take stays with the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program_guest import IDLE, printed_by, run

from paradrive.machine import run_loop
from paradrive.machine.outcome import NoProgress, PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot


class Typist:
    """A host that types ``poll`` at once, or ``wait`` after so many nanoseconds, and then nothing more."""

    def __init__(
        self, poll: bytes = b"", wait: bytes = b"", after: int = 0, *, always_open: bool = False
    ) -> None:
        self._poll, self._wait, self._after, self._always_open = poll, wait, after, always_open
        self.waits: list[int | None] = []

    def is_open(self) -> bool:
        return self._always_open or bool(self._poll or self._wait)

    def poll(self) -> bytes:
        text, self._poll = self._poll, b""
        return text

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        self.waits.append(nanoseconds)
        text, self._wait = self._wait, b""
        return text, self._after


#: A guest that polls, and programs nothing.
ECHO = """
    lis 4, uart@ha
wait: lbz 5, uart + 5@l(4) ; andi. 5, 5, 1 ; beq wait
    lbz 5, uart@l(4) ; stb 5, uart@l(4) ; shutdown 0 ; b .
"""


def test_input_reaches_the_guest(boot: Boot) -> None:
    machine = boot(ECHO)
    assert run(machine, host=Typist(poll=b"x")) == PoweredOff(0)
    assert printed_by(machine) == b"x"


def test_budget_counts_from_the_last_byte_while_input_may_come(boot: Boot) -> None:
    machine = boot("lis 6, 1 ; mtctr 6 ; loop: bdnz loop ; print 'a' ; spin: b spin")
    assert isinstance(run(machine, budget=70_000, host=Typist(always_open=True)), NoProgress)
    assert 70_000 + 0x1_0000 <= machine.vcpu.instructions < 70_000 + 0x1_0000 + 100


def test_time_passes_while_the_host_waits(boot: Boot) -> None:
    machine = boot(IDLE)
    host = Typist(wait=b"x", after=123_456_789)
    run(machine, host=host)
    assert host.waits == [None]
    assert machine.clock.now() >= 123_456_789
    assert machine.vcpu.instructions < 1000


class Flood:
    """A host that always has more input; it fails the test when it is asked without end."""

    def __init__(self) -> None:
        self.given = 0

    def is_open(self) -> bool:
        return True

    def poll(self) -> bytes:
        assert self.given < 1 << 20
        self.given += 4096
        return bytes(4096)

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        return self.poll(), 0


@pytest.mark.parametrize("program", ["spin: b spin", IDLE], ids=["spinning", "idle"])
def test_input_which_the_guest_does_not_take_stays_with_the_host(
    boot: Boot, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(run_loop, "SLICE", 10)
    machine = boot(program)
    assert isinstance(run(machine, host=Flood()), NoProgress)
    assert machine.console is not None
    assert 0 < machine.console.queued < 2 * run_loop.ENOUGH_INPUT


def test_input_without_a_console_stays_with_the_host(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    tree = compile_tree(
        '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" '
        '&serial0 { status = "disabled"; }; &serial1 { status = "disabled"; };'
    )
    host = Flood()
    assert isinstance(run(boot(IDLE, tree), host=host), NoProgress)
    assert host.given == 0

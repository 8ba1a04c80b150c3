# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiny guest that is saved behind any of its instructions continues as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from observable import everything
from program_guest import PVCTL, printed_by

from paradrive.cpu.vcpu import RunExit
from paradrive.devices.pvctl import BootReason, Event, Pvctl
from paradrive.machine import run_loop, saved_machine
from paradrive.machine.outcome import NoProgress, Outcome, Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from program_guest import Boot

    from paradrive.machine.machine import Machine

    EngineName = Literal["compiled", "reference"]

BUDGET, RESETS = 100_000, 5
MEMORY = 1 << 20

#: Resets itself twice, with a line on the console left unfinished each time.
RESTARTING = """
    print 'a' ; print 10 ; print 'b'
    li 6, 0x3000 ; lwz 7, 0(6) ; addi 7, 7, 1 ; stw 7, 0(6)
    cmpwi 7, 3 ; beq last
    store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, 1 ; store32 pvctl + 0x10, 2
    b .
last: shutdown 42 ; b .
"""

#: Waits for a decrementer that reloads itself and for the fixed-interval timer; ends after eight interrupts.
TIMED = """
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3 ; mtspr 411, 3
    li 10, 0 ; li 3, 30 ; mtspr 22, 3 ; mtspr 54, 3
    lis 3, 0x04c1 ; ori 3, 3, 0xe000 ; mtspr 340, 3
    lis 3, 0 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync
again: addi 11, 11, 1 ; b again
    .balign 16
handler: lis 3, 0x0c00 ; mtspr 336, 3 ; addi 10, 10, 1 ; cmpwi 10, 8 ; beq done ; rfi
done: shutdown 4 ; b .
"""

#: Takes input with a small FIFO, and holds a reservation over most of its time.
ECHOING = """
    lis 4, uart@ha ; li 5, 7 ; stb 5, uart + 2@l(4) ; li 5, 10 ; stb 5, uart + 4@l(4)
    li 6, 0x3000 ; li 7, 3
more: lwarx 8, 0, 6
wait: lbz 5, uart + 5@l(4) ; andi. 5, 5, 1 ; beq wait
    lbz 5, uart@l(4) ; stb 5, uart@l(4) ; add 8, 8, 5 ; stwcx. 8, 0, 6 ; bne more
    addic. 7, 7, -1 ; bne more
    shutdown 3 ; b .
"""

#: Reports a panic and then prints until the machine has had enough.
PANICKING = """
    store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x10, 3
    li 7, 0
loop: addi 7, 7, 1 ; print 'x' ; b loop
"""

#: Lets a crash kernel take over, which resets the machine; powers off with what the next boot is told of it.
CRASHING = """
    store32 pvctl + 0x0c, 0x1f
    li 6, 0x3000 ; lwz 7, 0(6) ; addi 8, 7, 1 ; stw 8, 0(6) ; cmpwi 7, 0 ; beq crash
    lis 4, pvctl@ha ; lwz 8, pvctl + 0x24@l(4) ; stw 8, pvctl + 0x14@l(4) ; store32 pvctl + 0x10, 1
crash: store32 pvctl + 0x14, 1 ; store32 pvctl + 0x10, 3
    store32 rstcr, 2 ; b .
"""

PROGRAMS: dict[str, tuple[str, Outcome]] = {
    "restarting": (RESTARTING, PoweredOff(42)),
    "timed": (TIMED, PoweredOff(4)),
    "echoing": (ECHOING, PoweredOff(3)),
    "panicking": (PANICKING, Panicked("reported through pvctl")),
    "crashing": (CRASHING, PoweredOff(BootReason.AFTER_CRASH)),
}


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_loop, "PANIC_GRACE", 60)


def finish(machine: Machine) -> Outcome:
    return machine.run(BUDGET, reset_limit=RESETS)


def saved_and_loaded(machine: Machine, file: Path, engine: EngineName) -> tuple[Machine, bytearray]:
    """Return what continues a machine, and the list of what it prints."""
    saved_machine.save(machine, str(file))
    printed = bytearray()
    return saved_machine.load(str(file), printed.append, engine=engine), printed


def unfinished_line_at(printed: bytes) -> int:
    """Return where the last line begins, which has not ended."""
    return printed.rfind(b"\n") + 1


@pytest.mark.parametrize(
    ("save_engine", "load_engine", "stride"),
    [("reference", "reference", 3), ("reference", "compiled", 7), ("compiled", "reference", 7)],
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_saved_behind_any_instruction_comes_to_the_same_end(
    boot: Boot, tmp_path: Path, name: str, save_engine: str, load_engine: EngineName, stride: int
) -> None:
    program, outcome = PROGRAMS[name]
    whole, stepped = (boot(program, engine=save_engine, memory_size=MEMORY) for _ in range(2))
    for machine in (whole, stepped):
        assert machine.console is not None
        machine.console.receive(b"hello")
    assert finish(whole) == outcome
    expected, printed = everything(whole), printed_by(whole)
    cuts = 0
    while isinstance(stepped.run(stride, reset_limit=RESETS), NoProgress):
        line = unfinished_line_at(printed_by(stepped))
        loaded, continued = saved_and_loaded(stepped, tmp_path / "state", load_engine)
        assert everything(loaded) == everything(stepped)
        # The panic's grace is over at the same instruction, and resets are counted anew.
        assert finish(loaded) == outcome
        assert everything(loaded) == expected
        assert bytes(continued) == printed[line:]
        cuts += 1
    assert cuts > 50 // stride


def test_guest_that_waits_for_an_interrupt_wakes_up(boot: Boot, tmp_path: Path) -> None:
    machine = boot(
        "lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3 ; lis 3, 0x80 ; mtspr 1008, 3\n"
        "lis 3, 1 ; mtspr 22, 3 ; lis 3, 0x0400 ; mtspr 340, 3\n"
        "lis 3, 4 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync ; b .\n"
        ".balign 16\nhandler: shutdown 9 ; b .",
        memory_size=MEMORY,
    )
    assert machine.vcpu.run(BUDGET) is RunExit.IDLE
    loaded, _ = saved_and_loaded(machine, tmp_path / "state", "reference")
    assert finish(machine) == finish(loaded) == PoweredOff(9)
    assert everything(loaded) == everything(machine)


@pytest.mark.parametrize(
    "memory_node",
    ["memory@0 { reg = [00]; };", "memory@0 { reg = <0 0x10000 0 0x100000>; };", "/delete-node/ memory@0;"],
)
@pytest.mark.parametrize("memory_size", [MEMORY, 96 << 20])
def test_ram_has_the_size_that_was_asked_for_whatever_the_tree_says_of_it(
    boot: Boot, compile_tree: Callable[[str], bytes], tmp_path: Path, memory_node: str, memory_size: int
) -> None:
    source = f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" / {{ {memory_node} }};'
    machine = boot("li 6, 0x3000 ; stw 6, 0(6) ; b .", compile_tree(source), memory_size=memory_size)
    machine.run(3, reset_limit=0)
    machine.memories[0].contents[-4:] = b"last"
    for _ in range(2):
        loaded, _ = saved_and_loaded(machine, tmp_path / "state", "reference")
        assert [(memory.base, memory.size) for memory in loaded.memories] == [(0, memory_size)]
        assert everything(loaded) == everything(machine)
        machine = loaded


def test_reset_that_has_been_asked_for_comes_first(boot: Boot, tmp_path: Path) -> None:
    machine = boot(RESTARTING, memory_size=MEMORY)
    assert machine.run(BUDGET, reset_limit=0) == ResetLimit(0)
    loaded, _ = saved_and_loaded(machine, tmp_path / "state", "reference")
    assert loaded.vcpu.instructions == machine.vcpu.instructions
    assert loaded.run(BUDGET, reset_limit=0) == ResetLimit(0)
    assert finish(loaded) == finish(machine) == PoweredOff(42)
    assert everything(loaded) == everything(machine)


def test_request_of_the_host_is_still_pending(boot: Boot, tmp_path: Path) -> None:
    wait = "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x20, 7 ; wait: lwz 5, pvctl + 0x1c@l(4)\n"
    machine = boot(wait + "cmpwi 5, 2 ; bne wait ; shutdown 2 ; b .", memory_size=MEMORY)
    machine.run(100, reset_limit=0)
    pvctl = machine.devices[PVCTL]
    assert isinstance(pvctl, Pvctl)
    assert pvctl.request(Event.REBOOT)
    loaded, _ = saved_and_loaded(machine, tmp_path / "state", "reference")
    assert finish(loaded) == PoweredOff(2)


def test_saving_changes_nothing(boot: Boot, tmp_path: Path) -> None:
    machine = boot(TIMED, memory_size=MEMORY)
    snapshot = machine.snapshot()
    machine.run(100, reset_limit=0)
    before, stored = everything(machine), set(machine.vcpu.stored_pages)
    saved_machine.save(machine, str(tmp_path / "one"))
    saved_machine.save(machine, str(tmp_path / "two"))
    assert (everything(machine), machine.vcpu.stored_pages) == (before, stored)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    machine.restore(snapshot)
    assert finish(machine) == PoweredOff(4)


def test_loaded_machine_has_snapshots_like_any_other(boot: Boot, tmp_path: Path) -> None:
    machine = boot(RESTARTING, memory_size=MEMORY)
    machine.run(30, reset_limit=0)
    loaded, _ = saved_and_loaded(machine, tmp_path / "state", "compiled")
    snapshot = loaded.snapshot()
    for _ in range(2):
        assert finish(loaded) == PoweredOff(42)
        loaded.restore(snapshot)
        assert everything(loaded) == everything(machine)


def test_call_at_happens_once_at_that_instruction(boot: Boot) -> None:
    machine = boot("spin: b spin")
    calls: list[int] = []
    machine.call_at(100, lambda: calls.append(machine.vcpu.instructions))
    machine.run(150, reset_limit=0)
    machine.run(150, reset_limit=0)
    assert calls == [100]

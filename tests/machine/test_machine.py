# SPDX-License-Identifier: GPL-2.0-or-later
"""The run loop with tiny guests: power-off, resets, panics, and guests that come to no end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program_guest import IDLE, PVCTL, printed_by, run

from paradrive.devices.pvctl import BootReason, Pvctl
from paradrive.machine import run_loop
from paradrive.machine.outcome import Interrupted, NoProgress, Outcome, Panicked, PoweredOff, ResetLimit
from paradrive.machine.run_loop import OnPanic

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot

    from paradrive.devices.bus import MmioAccess

# How a run ends


@pytest.mark.parametrize("code", [0, 3, 0xFFFF_FFFF])
def test_power_off_carries_the_guests_exit_code(boot: Boot, code: int) -> None:
    assert run(boot(f"shutdown {code} ; b .")) == PoweredOff(code)


def test_nothing_runs_after_the_power_off(boot: Boot) -> None:
    machine = boot("print 'a' ; shutdown 0 ; print 'b' ; b .")
    run(machine)
    assert printed_by(machine) == b"a"


def test_spinning_guest_makes_no_progress_and_is_told_where(boot: Boot) -> None:
    machine = boot("spin: b spin")
    outcome = run(machine, budget=1000)
    assert isinstance(outcome, NoProgress)
    kernel_end = machine.kernel.end
    assert outcome.pc == kernel_end - 4
    assert machine.vcpu.instructions == 1000


def test_guest_that_waits_for_nothing_makes_no_progress(boot: Boot) -> None:
    outcome = run(boot(IDLE))
    assert isinstance(outcome, NoProgress)
    assert "idles" in outcome.reason


def test_guest_that_idles_without_a_word_makes_no_progress(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_loop, "IDLE_LIMIT", 1_000_000)
    # The decrementer, reloading itself, goes off again and again; its handler waits for the next.
    outcome = run(boot(IDLE_FOR_EVER), budget=10_000_000)
    assert isinstance(outcome, NoProgress)
    assert "idled" in outcome.reason


IDLE_FOR_EVER = """
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3
    lis 3, 1 ; mtspr 22, 3 ; mtspr 54, 3
    lis 3, 0x0440 ; mtspr 340, 3
    lis 3, 0x40 ; mtspr 1008, 3 ; lis 3, 4 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync
again: b again
    .balign 16
handler: lis 3, 0x0800 ; mtspr 336, 3 ; rfi
"""


def test_user_interrupts(boot: Boot) -> None:
    machine = boot("spin: b spin")
    machine.clock.at(500, machine.interrupt)
    assert run(machine) == Interrupted()
    assert machine.vcpu.instructions < 1000


def test_two_runs_are_identical(boot: Boot) -> None:
    def fingerprint() -> tuple[object, ...]:
        machine = boot("print 'a' ; spin: mfspr 9, 268 ; cmplwi 9, 500 ; blt spin ; shutdown 1 ; b .")
        outcome = run(machine)
        memory = machine.bus.memory_at(0)
        assert memory is not None
        return outcome, machine.vcpu.instructions, machine.clock.now(), hash(bytes(memory.contents))

    assert fingerprint() == fingerprint()


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_trace_that_begins_between_two_runs_sees_the_accesses_of_the_second(boot: Boot, engine: str) -> None:
    machine = boot("lis 4, uart@ha ; loop: lbz 5, uart + 5@l(4) ; b loop", engine=engine)
    run(machine, budget=1000)
    accesses: list[MmioAccess] = []
    machine.bus.trace = accesses.append
    run(machine, budget=1000)
    assert len(accesses) == 500
    assert {access.register for access in accesses} == {"LSR"}


# Resets

COUNT_BOOTS = """
    lis 6, 0x20 ; lwz 7, 0(6) ; addi 7, 7, 1 ; stw 7, 0(6)
    cmpwi 7, 3 ; bne reset
    store32 pvctl + 0x0c, 0x1f
    lis 4, pvctl@ha ; lwz 8, pvctl + 0x24@l(4)
    store32 pvctl + 0x14, 42
    store32 pvctl + 0x10, 1
reset:
"""


@pytest.mark.parametrize(
    "reset",
    [
        "store32 rstcr, 2",
        "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, 0 ; store32 pvctl + 0x10, 2",
        "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, 1 ; store32 pvctl + 0x10, 2",
    ],
)
def test_reset_boots_the_guest_again(boot: Boot, reset: str) -> None:
    machine = boot(COUNT_BOOTS + reset + "; b .")
    assert run(machine, reset_limit=2) == PoweredOff(42)
    assert machine.resets == 2


def test_reset_is_made_once_however_often_the_run_loop_looks_up(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_loop, "SLICE", 7)
    machine = boot(COUNT_BOOTS + "store32 rstcr, 2 ; b .")
    assert run(machine, reset_limit=2) == PoweredOff(42)
    assert machine.resets == 2


def test_reset_beyond_the_limit_ends_the_run(boot: Boot) -> None:
    machine = boot("store32 rstcr, 2 ; b .")
    assert run(machine, reset_limit=3) == ResetLimit(3)
    assert machine.resets == 3


#: Executes an instruction, replaces it and executes it again, on each of two boots; ends with what the
#: second boot has added up.
PATCHES_ITSELF = """
    li 6, 0x3000 ; lwz 8, 0(6) ; addi 8, 8, 1 ; stw 8, 0(6) ; li 9, 0 ; li 12, 0
patched:
    li 7, 1
    add 12, 12, 7 ; cmpwi 9, 1 ; beq done ; li 9, 1
    lis 10, patched@h ; ori 10, 10, patched@l ; lis 11, 0x38e0 ; ori 11, 11, 2 ; stw 11, 0(10) ; isync
    b patched
done:
    cmpwi 8, 2 ; bne reset
    store32 pvctl + 0x0c, 0x1f ; lis 4, pvctl@ha ; stw 12, pvctl + 0x14@l(4) ; store32 pvctl + 0x10, 1
reset: store32 rstcr, 2 ; b .
"""


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_code_that_the_guest_has_changed_is_the_images_again_after_a_reset(boot: Boot, engine: str) -> None:
    assert run(boot(PATCHES_ITSELF, engine=engine), reset_limit=1) == PoweredOff(1 + 2)


def test_guest_learns_why_it_has_started(boot: Boot) -> None:
    machine = boot(COUNT_BOOTS + "store32 rstcr, 2 ; b .")
    pvctl = machine.devices[PVCTL]
    assert isinstance(pvctl, Pvctl)
    assert pvctl.boot_reason is BootReason.COLD
    run(machine, reset_limit=2)
    assert machine.vcpu.state.gpr[8] == BootReason.GUEST_RESET


def test_reset_restores_images_devices_and_core(boot: Boot) -> None:
    machine = boot(
        "lis 6, data@h ; li 7, 1 ; stw 7, data@l(6) ; store32 pvctl + 0x0c, 1 ; b . \n data: .long 0"
    )
    entered = machine.vcpu.state.pc, [machine.vcpu.state.gpr[number] for number in range(32)]
    memory = machine.bus.memory_at(0)
    assert memory is not None
    loaded = bytes(memory.contents[: machine.kernel.end])
    run(machine, budget=1000)
    assert bytes(memory.contents[: machine.kernel.end]) != loaded
    machine.reset(BootReason.HOST_RESET)
    assert (machine.vcpu.state.pc, machine.vcpu.state.gpr[3]) == (entered[0], entered[1][3])
    assert bytes(memory.contents[: machine.kernel.end]) == loaded
    assert machine.devices[PVCTL].read(0x0C, 4) == 0


# Panics


def test_panicked_guest_that_spins_has_panicked(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_loop, "PANIC_GRACE", 2000)
    machine = boot("spin: b spin")
    machine.clock.at(500, lambda: machine.panicked("Kernel panic"))
    assert run(machine) == Panicked("Kernel panic")


@pytest.mark.parametrize("end", ["store32 rstcr, 2 ; b .", "shutdown 0 ; b .", IDLE])
def test_panicked_guest_that_ends_has_panicked(boot: Boot, end: str) -> None:
    machine = boot(end)
    machine.clock.at(1, lambda: machine.panicked("Kernel panic"))
    assert run(machine, reset_limit=5) == Panicked("Kernel panic")
    assert machine.resets == 0


@pytest.mark.parametrize(
    ("argument", "outcome"), [(0, Panicked("reported through pvctl")), (1, PoweredOff(7))]
)
def test_crash_report_is_a_panic_unless_a_crash_kernel_takes_over(
    boot: Boot, argument: int, outcome: Outcome
) -> None:
    crash = f"store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, {argument} ; store32 pvctl + 0x10, 3"
    assert run(boot(f"{crash} ; shutdown 7 ; b .")) == outcome


# What a panic leads to, and what the next boot is told

#: Reports a crash in the first boot; then powers off with what the device tells of the boot.
REPORT_CRASH = """
    store32 pvctl + 0x0c, 0x1f
    lis 6, 0x20 ; lwz 7, 0(6) ; addi 8, 7, 1 ; stw 8, 0(6) ; cmpwi 7, 0 ; beq crash
    lis 4, pvctl@ha ; lwz 8, pvctl + 0x24@l(4) ; stw 8, pvctl + 0x14@l(4) ; store32 pvctl + 0x10, 1
crash: store32 pvctl + 0x14, {argument} ; store32 pvctl + 0x10, 3
"""
RESET = "store32 rstcr, 2 ; b ."


@pytest.mark.parametrize("end", ["b .", RESET, IDLE, "shutdown 9 ; b ."])
def test_panicked_guest_is_reset_and_told_of_its_crash(
    boot: Boot, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(run_loop, "PANIC_GRACE", 2000)
    machine = boot(REPORT_CRASH.format(argument=0) + end)
    outcome = machine.run(20_000, reset_limit=1, on_panic=OnPanic.RESET)
    assert outcome == PoweredOff(BootReason.AFTER_CRASH)
    assert (machine.resets, machine.panics) == (1, 1)


def test_guest_that_panics_at_each_boot_is_reset_as_often_as_allowed(boot: Boot) -> None:
    machine = boot(f"store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x10, 3 ; {RESET}")
    outcome = machine.run(20_000, reset_limit=2, on_panic=OnPanic.RESET)
    assert outcome == Panicked("reported through pvctl")
    assert (machine.resets, machine.panics) == (2, 3)


@pytest.mark.parametrize("argument", [0, 1])
def test_guest_that_resets_itself_after_a_crash_is_told_of_it(boot: Boot, argument: int) -> None:
    machine = boot(REPORT_CRASH.format(argument=argument) + RESET)
    outcome = machine.run(20_000, reset_limit=1, on_panic=OnPanic.CONTINUE)
    assert outcome == PoweredOff(BootReason.AFTER_CRASH)


def test_panicked_guest_that_goes_on_uses_up_its_budget(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_loop, "PANIC_GRACE", 2000)
    machine = boot(REPORT_CRASH.format(argument=0) + "b .")
    assert isinstance(machine.run(20_000, reset_limit=1, on_panic=OnPanic.CONTINUE), NoProgress)
    assert machine.vcpu.instructions == 20_000


def test_crash_is_forgotten_with_the_boot_that_it_led_to(boot: Boot) -> None:
    machine = boot(REPORT_CRASH.format(argument=1) + RESET)
    machine.run(20_000, reset_limit=1)
    machine.request_reset(BootReason.HOST_RESET)
    assert machine.run(20_000, reset_limit=0) == PoweredOff(BootReason.HOST_RESET)


@pytest.mark.parametrize("report", [1, 2])
def test_crash_reported_through_pvpanic_is_told_through_pvctl(
    boot: Boot, compile_tree: Callable[[str], bytes], report: int
) -> None:
    node = 'pvpanic@1000 { compatible = "qemu,pvpanic-mmio"; reg = <0x1000 2>; };'
    tree = compile_tree(
        f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
            / {{ platform@f00000000 {{ {node} }}; }};"""
    )
    crash = f"lis 4, 0xf000 ; li 5, {report} ; stb 5, 0x1000(4) ; {RESET}"
    machine = boot(REPORT_CRASH.format(argument=0).partition("crash:")[0] + f"crash: {crash}", tree)
    assert machine.run(20_000, reset_limit=1, on_panic=OnPanic.RESET) == PoweredOff(BootReason.AFTER_CRASH)


# Resets by the host


def test_host_resets_a_running_guest(boot: Boot) -> None:
    machine = boot(REPORT_CRASH.partition("crash:")[0] + "crash: b .")
    machine.clock.at(500, lambda: machine.request_reset(BootReason.HOST_RESET))
    assert run(machine, reset_limit=0) == PoweredOff(BootReason.HOST_RESET)
    assert machine.resets == 1


def test_restore_brings_back_what_is_known_of_a_crash(boot: Boot) -> None:
    machine = boot(REPORT_CRASH.format(argument=1) + RESET)
    before = machine.snapshot()
    machine.vcpu.run(100)
    assert machine.progress.crashed
    crashed = machine.snapshot()
    machine.restore(before)
    assert machine.progress.crashed is False
    machine.restore(crashed)
    assert run(machine, reset_limit=1) == PoweredOff(BootReason.AFTER_CRASH)

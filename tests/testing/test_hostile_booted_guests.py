# SPDX-License-Identifier: GPL-2.0-or-later
"""No guest holds up a test: each run has a budget, and says where the guest has spent it.

The guests are programs without a kernel, which talk to the host as the agent would, and then do not.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from paradrive.guest import agent as agent_module
from paradrive.guest import console as console_module
from paradrive.guest.agent import GuestEndedError
from paradrive.guest.agent_protocol import VERSION, AgentError, Answer, encode, number
from paradrive.machine import run_loop
from paradrive.machine.outcome import NoProgress, Outcome, PoweredOff, ResetLimit
from paradrive.testing import booted
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.guest import GuestFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    Boot = Callable[[str], BootedGuest]

#: Sends bytes to the UART of the agent, those from a label up to the next one.
TALK = """
    .set agent_uart, 0xe0004600
    .macro send first, last
    lis 6, \\first@ha ; la 6, \\first@l(6) ; lis 7, \\last@ha ; la 7, \\last@l(7) ; lis 4, agent_uart@ha
    1: lbz 5, 0(6) ; stb 5, agent_uart@l(4) ; addi 6, 6, 1 ; cmplw 6, 7 ; blt 1b
    .endm
"""
#: Waits for an interrupt: HID0[NAP], then MSR[WE], with MSR[EE].
SLEEP = "lis 3, 0x40 ; mtspr 1008, 3 ; lis 3, 4 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync"
#: The decrementer reloads itself with 1, at 400 MHz; its handler lets the core sleep on.
WAKE_UPS = f"""
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3
    li 3, 1 ; mtspr 22, 3 ; mtspr 54, 3 ; lis 3, 0x0440 ; mtspr 340, 3
    {SLEEP}
asleep: b asleep
    .balign 16
handler: lis 3, 0x0800 ; mtspr 336, 3 ; rfi
"""
#: A timer of the interrupt controller goes off without end, and is masked: nothing wakes the core.
MASKED_TIMER = f"""
    store32 0xe0041110, 0x80000001 ; store32 0xe0041110, 1
    {SLEEP}
asleep: b asleep
"""


def data(label: str, contents: bytes) -> str:
    return f"{label}: .byte {','.join(map(str, contents))}\n"


GREETING = data("hello", encode(Answer.HELLO, number(VERSION)))
NO_MODULES = data("none", encode(Answer.DATA, b"")) + "end:\n"


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Fail instead of hanging, should a budget be missing; no test here takes a tenth of that."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def boot(
    assemble: Callable[[str], Path],
    map_devices: str,
    ppce500: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Boot]:
    """Return what boots a guest that greets, has no modules, and then does what a program says."""
    monkeypatch.setattr(booted, "BOOT_BUDGET", 200_000)
    monkeypatch.setattr(run_loop, "PANIC_GRACE", 10_000)
    started = []

    def boot_program(program: str) -> BootedGuest:
        (tmp_path / "initrd").touch()
        kernel = assemble(
            f"{map_devices}{TALK} send hello, none ; send none, end\n{program}\n{GREETING}{NO_MODULES}"
        )
        guest = BootedGuest(
            Recipe(GuestFiles(kernel, tmp_path / "initrd", tmp_path / "absent.dtb"), tree=ppce500)
        )
        started.append(guest)
        return guest

    yield boot_program
    for guest in started:
        guest.destroy()


def test_a_guest_that_idles_has_booted(boot: Boot) -> None:
    assert boot(f"print 'a' ; {SLEEP} ; b .").console == "a"


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("spin: b spin", NoProgress),
        ("flood: print 'x' ; b flood", NoProgress),
        ("flood: send none, end ; b flood", NoProgress),
        ("store32 rstcr, 2 ; b .", ResetLimit),
        # DBCR0[RST]
        ("lis 3, 0x3000 ; mtspr 308, 3 ; isync ; b .", ResetLimit),
        ("shutdown 3 ; b .", PoweredOff),
    ],
)
def test_a_guest_that_does_not_idle_has_not_booted(boot: Boot, program: str, outcome: type[Outcome]) -> None:
    with pytest.raises(AgentError) as raised:
        boot(program)
    ended = raised.value.__cause__
    assert isinstance(ended, GuestEndedError)
    assert isinstance(ended.outcome, outcome)


PANIC = data("panic", b"Kernel panic - not syncing: gone\n") + "panic_end:\n"


@pytest.mark.parametrize("then", ["b .", SLEEP + " ; b ."], ids=["spins", "idles"])
def test_a_guest_that_panics_has_not_booted(boot: Boot, then: str) -> None:
    say = """
    lis 6, panic@ha ; la 6, panic@l(6) ; lis 7, panic_end@ha ; la 7, panic_end@l(7) ; lis 4, uart@ha
    1: lbz 5, 0(6) ; stb 5, uart@l(4) ; addi 6, 6, 1 ; cmplw 6, 7 ; blt 1b
    """
    with pytest.raises(AgentError) as raised:
        boot(f"{say} ; {then}\n{PANIC}")
    ended = raised.value.__cause__
    assert isinstance(ended, GuestEndedError)
    assert not isinstance(ended.outcome, ResetLimit | PoweredOff)
    assert "gone" in str(raised.value)


def test_a_guest_that_lists_modules_without_end_has_not_booted(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = data("none", encode(Answer.DATA, b"/a.ko " * 2000)) + "end:\n"
    monkeypatch.setitem(globals(), "NO_MODULES", many)
    with pytest.raises(AgentError, match=booted.MODULES_LIST):
        boot("b .")


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("program", [WAKE_UPS, MASKED_TIMER], ids=["woken", "not woken"])
def test_waking_up_without_end_uses_up_the_budget(boot: Boot, program: str) -> None:
    guest = boot(program)
    with pytest.raises(GuestEndedError) as raised:
        guest.run_until(line="never printed", budget=1_000_000)
    assert isinstance(raised.value.outcome, NoProgress)
    assert guest.machine.vcpu.instructions < 100_000
    guest.restore()
    with pytest.raises(GuestEndedError):
        guest.read("/file")


def test_a_console_may_hold_any_bytes(boot: Boot) -> None:
    console = boot(f"print 0xc3 ; print 0xff ; print 'a' ; {SLEEP} ; b .").console
    assert console.endswith("a")
    assert len(console) == 3


def test_a_device_and_what_is_not_mapped_are_no_memory(boot: Boot) -> None:
    guest = boot(f"{SLEEP} ; b .")
    assert guest.memory.physical(0xE0004500) == 0xF_E000_4500
    for address in (0xE0004500, 0xD000_0000):
        assert guest.memory.read_word(address) is None
    assert guest.memory.read_word(0) == int.from_bytes(guest.memory.read(0, 4), "big")
    assert guest.memory.physical(0x12_3454) == 0x12_3454


def test_instructions_are_reached_by_a_guest_that_wakes_up_without_end(boot: Boot) -> None:
    guest = boot(WAKE_UPS)
    before = guest.machine.vcpu.instructions
    guest.run_until(instructions=12_345)
    assert guest.machine.vcpu.instructions == before + 12_345


def test_an_error_says_where_the_guest_is(boot: Boot) -> None:
    guest = boot(f"{SLEEP}\n.type spin, @function ; spin: b spin ; .size spin, . - spin\n")
    guest.machine.vcpu.state.msr &= ~0x40000  # it sleeps no more
    guest.machine.vcpu.state.pending = 0
    with pytest.raises(GuestEndedError) as raised:
        guest.run_until(line="never printed", budget=1000)
    message = str(raised.value)
    assert f"{guest.machine.vcpu.state.pc:#010x} spin" in message
    assert "\n" not in message


# What pretends to be the agent


def later(program: str) -> str:
    """Return a guest that sleeps, so that it has booted, until a timer lets it do what a program says."""
    return f"""
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3
    li 3, 0x4000 ; mtspr 22, 3 ; lis 3, 0x0400 ; mtspr 340, 3
    {SLEEP}
    b .
    .balign 16
handler: {program}
"""


REQUESTS: dict[str, Callable[[BootedGuest], object]] = {
    "run": lambda guest: guest.run("program"),
    "read": lambda guest: guest.read("/file"),
    "write": lambda guest: guest.write("/file", bytes(40_000)),
    "insmod": lambda guest: guest.insmod("/module.ko"),
    "symbol": lambda guest: guest.symbol("spin"),
}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "MAX_DATA", 40_000)
    monkeypatch.setattr(agent_module, "DEFAULT_BUDGET", 500_000)
    monkeypatch.setattr(console_module, "KEPT_BYTES", 1000)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(
    "sent",
    [
        encode(Answer.DATA, bytes(100)),
        encode(Answer.DONE, b""),
        encode(Answer.STDOUT, b""),
        encode(Answer.STDERR, b"x"),
        encode(Answer.ENDED, number(0)),
        encode(Answer.HELLO, number(VERSION)),
        b"garbage",
    ],
    ids=["data", "done", "nothing on stdout", "stderr", "ended", "hello", "garbage"],
)
def test_answers_without_end_bring_each_request_to_an_end(boot: Boot, sent: bytes, request_name: str) -> None:
    guest = boot(later(flood_of(sent)))
    guest.restore()
    # Whether such an answer is taken for one depends on the request.
    with suppress(AgentError, LookupError):
        REQUESTS[request_name](guest)


def flood_of(sent: bytes) -> str:
    return f"flood: send flooded, flooded_end ; b flood\n{data('flooded', sent)} flooded_end:\n"


@pytest.mark.usefixtures("small_limits")
def test_what_nobody_has_asked_for_is_bounded_and_refused(boot: Boot) -> None:
    guest = boot(later(flood_of(encode(Answer.DONE, b""))))
    guest.run_until(instructions=100_000)
    with pytest.raises(AgentError, match="more than 40000"):
        guest.write("/file", "")


@pytest.mark.usefixtures("small_limits")
def test_an_answer_that_came_before_its_request_is_refused(boot: Boot) -> None:
    guest = boot(later("send none, end ; spin: b spin\n"))
    guest.run_until(instructions=100_000)
    with pytest.raises(AgentError, match="read /file"):
        guest.read("/file")


@pytest.mark.usefixtures("small_limits")
def test_output_without_end_uses_up_the_budget_and_no_memory(boot: Boot) -> None:
    guest = boot(later("flood: print 'x' ; print 10 ; b flood"))
    guest.restore()
    with pytest.raises(GuestEndedError) as raised:
        guest.run("program")
    assert isinstance(raised.value.outcome, NoProgress)
    assert 1000 <= len(guest.console) <= 2010

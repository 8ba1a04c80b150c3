# SPDX-License-Identifier: GPL-2.0-or-later
"""What one test leaves to the next: nothing, whatever it has done to its guest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.devices.pvctl import Event, Pvctl
from paradrive.devices.ram import Ram
from paradrive.guest.agent import GuestEndedError
from paradrive.machine.outcome import ResetLimit
from paradrive.machine.snapshot import copy_pages
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.faults import Returns

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import GuestFiles

DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"


def state_of(guest: BootedGuest) -> dict[str, object]:
    """Return all that a test can see of a guest that does not run."""
    machine = guest.machine
    return {
        "registers": machine.vcpu.state.architectural(),
        "unimplemented": dict(machine.vcpu.unimplemented),
        "time": machine.clock.now(),
        "events": machine.clock.next_event(),
        "instructions": machine.vcpu.instructions,
        "progress": machine.progress,
        "devices": [(path, device.name, device.save()) for path, device in machine.devices.items()],
        "constants": guest.pvctl.FEATURES,
        "commands": guest.pvctl.commands,
        "RAM": hash(tuple(copy_pages(machine.memories).items())),
        "bus": [(region.base, region.size, type(region.target).__name__) for region in machine.bus.regions],
        "errors": (machine.bus.guest_errors.count, list(machine.bus.guest_errors.entries)),
        "untraced": machine.bus.untraced,
        "symbols": guest.symbols,
        "console": guest.console,
        "accesses": list(guest.accesses),
        "budget": guest.agent.budget,
    }


def behaviour_of(guest: BootedGuest) -> list[object]:
    """Return what a test sees that makes use of its guest."""
    seen: list[object] = [state_of(guest), guest.symbol("pvctl_probe")]
    seen.append(guest.source_lines([guest.symbol("pvctl_probe")]))
    seen.append(guest.read(f"{DRIVER}/{NAME}/version"))
    guest.answer(guest.pvctl, "VERSION", 7 << 16)
    seen.append(guest.read(f"{DRIVER}/{NAME}/version"))
    guest.hold_interrupt(guest.pvctl)
    guest.run_until(instructions=50_000)
    seen += [state_of(guest), list(guest.accesses)]
    guest.hold_interrupt(guest.pvctl).set(False)
    guest.agent.start("reboot")
    guest.run_until(symbol="pvctl_restart")
    with pytest.raises(GuestEndedError) as ended:
        guest.run_until(line="never printed")
    return [*seen, ended.value.outcome, state_of(guest)]


def await_in_vain(guest: BootedGuest) -> None:
    with suppress(GuestEndedError):
        guest.run_until(access=lambda access: False, line="Linux", symbol="pvctl_restart", budget=1000)


def panic(guest: BootedGuest) -> None:
    guest.pvctl.request(Event.CRASH)
    with suppress(GuestEndedError):
        guest.run_until(line="never printed")


def boot_again(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    guest.run_until(line="Linux version", reset_limit=1)


def overwrite_code(guest: BootedGuest) -> None:
    place = guest.memory.physical(guest.symbol("machine_restart"))
    assert place is not None
    guest.memory.write(place, bytes(64))


def end_with_half_an_answer(guest: BootedGuest) -> None:
    guest.agent.start("report_devices")
    guest.run_until(access=lambda access: access.device == "serial@4600")


def change_the_board(guest: BootedGuest) -> None:
    bus = guest.machine.bus
    (region,) = (region for region in bus.regions if region.target is guest.pvctl)
    bus.unmap(region)
    bus.map_device(region.base + 0x10_0000, 0x1000, Pvctl())
    bus.map_memory(Ram(0x9_0000_0000, 0x1000))


def take_the_uarts(guest: BootedGuest) -> None:
    for port in guest.machine.serial_ports.values():
        port.transmit = lambda byte: None


LEAVINGS: dict[str, Callable[[BootedGuest], Any]] = {
    "no trace": lambda guest: setattr(guest.machine.bus, "trace", None),
    "a trace of one's own": lambda guest: setattr(guest.machine.bus, "trace", lambda access: None),
    "all devices traced": lambda guest: setattr(guest.machine.bus, "untraced", frozenset()),
    "what has not come": await_in_vain,
    "a breakpoint": lambda guest: guest.machine.vcpu.set_breakpoint(
        guest.symbol("pvctl_restart"), guest.machine.interrupt
    ),
    "a function that fails": lambda guest: guest.fail("sysfs_emit", returns=Returns.NULL),
    "a register answered": lambda guest: guest.answer(guest.pvctl, "VERSION", 0),
    "a device that is gone": lambda guest: guest.answer_all_ones(guest.pvctl),
    "two devices that are gone": lambda guest: [
        guest.answer_all_ones(device) for device in guest.machine.devices.values()
    ],
    "an interrupt held": lambda guest: guest.hold_interrupt(guest.pvctl),
    "an interrupt held for a while": lambda guest: [
        guest.hold_interrupt(guest.pvctl),
        guest.run_until(instructions=50_000),
    ],
    "an interrupt lost": lambda guest: guest.lose(guest.pvctl, "irq", times=100),
    "an interrupt lost for good": lambda guest: [
        guest.lose(guest.pvctl, "irq"),
        guest.pvctl.request(Event.REBOOT),
        guest.run_until(instructions=10_000),
    ],
    "an interrupt repeated": lambda guest: [
        guest.repeat(guest.pvctl, "irq"),
        guest.pvctl.request(Event.REBOOT),
        guest.run_until(access=lambda access: access.register == "EVENT"),
    ],
    "an interrupt delayed": lambda guest: [
        guest.delay(guest.pvctl, "irq", 1_000),
        guest.pvctl.request(Event.REBOOT),
    ],
    "a command delayed": lambda guest: [
        guest.delay(guest.pvctl, "COMMAND", 1 << 40),
        guest.agent.start("reboot"),
        guest.run_until(access=lambda access: access.register == "COMMAND"),
        guest.run_until(instructions=100),
    ],
    "a timer, commands and memory that fail": lambda guest: [
        guest.lose(guest.pvctl, "carried_out"),
        guest.repeat(guest.pvctl, "COMMAND"),
        guest.overtake(guest.pvctl, "ENABLE"),
        guest.corrupt_memory(guest.pvctl),
        guest.fail_memory(guest.pvctl, direction="read"),
    ],
    "a device taken out": lambda guest: guest.remove(guest.pvctl),
    "a device put in again": lambda guest: guest.remove(guest.pvctl).back(),
    "constants": lambda guest: vars(guest.pvctl).update(VERSION=0, FEATURES=0, ID=0),
    "a guest error": lambda guest: guest.pvctl.read(0x123, 4),
    "an unknown instruction": lambda guest: guest.machine.vcpu.unimplemented.update(["efsadd"]),
    "a request": lambda guest: guest.pvctl.request(Event.SHUTDOWN),
    "a file": lambda guest: guest.write("/left-behind", "something"),
    "no driver": lambda guest: guest.write(f"{DRIVER}/unbind", NAME),
    "no module": lambda guest: guest.rmmod("pvctl"),
    "another module": lambda guest: [
        guest.rmmod("pvctl"),
        guest.insmod("/lib/modules/pvctl.ko"),
        guest.symbol("pvctl_probe"),
    ],
    "other code": overwrite_code,
    "a budget": lambda guest: setattr(guest.agent, "budget", 1),
    "a program": lambda guest: guest.agent.start("reboot"),
    "half an answer": end_with_half_an_answer,
    "a guest that is off": lambda guest: guest.run("poweroff"),
    "a guest that wants a reset": lambda guest: guest.run("reboot"),
    "a guest that panicked": panic,
    "a guest that boots": boot_again,
    "an appointment": lambda guest: guest.machine.call_at(
        guest.machine.vcpu.instructions + 1000, guest.machine.interrupt
    ),
    "an event": lambda guest: guest.machine.clock.at(guest.machine.clock.now() + 9, guest.machine.interrupt),
    "a reset requested": lambda guest: guest.machine.request_reset(),
    "an interruption": lambda guest: guest.machine.interrupt(),
    "typed text": lambda guest: guest.type_text("text"),
    "another board": change_the_board,
    "UARTs of one's own": take_the_uarts,
}


@pytest.fixture(scope="module")
def untouched() -> dict[str, list[object]]:
    """Return what the first test has seen of the guest that all of them share."""
    return {}


@pytest.mark.parametrize("leave", LEAVINGS.values(), ids=LEAVINGS.keys())
def test_a_test_finds_nothing_of_the_one_before(
    guest: BootedGuest, untouched: dict[str, list[object]], leave: Callable[[BootedGuest], object]
) -> None:
    if not untouched:
        untouched["guest"] = behaviour_of(guest)
        guest.restore()
    leave(guest)
    guest.restore()
    assert behaviour_of(guest) == untouched["guest"]


def test_lines_of_a_module_that_an_earlier_test_brought_along_are_not_told(guest_files: GuestFiles) -> None:
    guest = BootedGuest(Recipe(guest_files._replace(modules=())))
    start = guest.symbol("pvctl_probe")
    guest.rmmod("pvctl")
    guest.insmod(guest_files.modules[0])
    assert guest.source_lines([guest.symbol("pvctl_probe")])
    guest.restore()
    assert guest.source_lines([start]) == {}
    guest.destroy()


def test_what_was_awaited_is_not_asked_for_any_more(guest: BootedGuest) -> None:
    asked, untraced = [], guest.machine.bus.untraced
    program = guest.agent.start("reboot")
    guest.run_until(access=lambda access: not asked.append(access))
    assert program.wait().outcome == ResetLimit(0)
    assert len(asked) == 1
    assert guest.machine.bus.untraced == untraced


def test_a_symbol_that_was_awaited_does_not_end_a_later_run(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    guest.run_until(symbol="schedule")
    guest.run_until(line="Restarting system")
    assert "Restarting system" in guest.console


def test_a_line_that_was_awaited_does_not_end_a_later_run(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    guest.run_until(line="[", reset_limit=1)  # which each line has
    guest.run_until(line="Kernel command line", reset_limit=1)
    assert "Kernel command line" in guest.console

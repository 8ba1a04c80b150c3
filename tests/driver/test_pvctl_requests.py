# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host asks of the guest: the driver's interrupt and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature, Pvctl
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.machine.devicetree import Node
    from paradrive.machine.wiring import Wiring
    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
UNDEFINED_EVENT = 1 << 7
WITHOUT_INTERRUPT = """
/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &pvctl { /delete-property/ interrupts; };
"""


def commands(guest: Guest) -> list[int]:
    return [record.command for record in guest.pvctl.commands]


def test_request_to_shut_down_powers_the_guest_off(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    assert guest.pvctl.request(Event.SHUTDOWN)
    assert guest.run() == PoweredOff(0)
    assert "pvctl f00000000.pvctl: the host requests a shutdown" in guest.console
    assert commands(guest) == [Command.SHUTDOWN]


def test_request_to_reboot_resets_the_guest(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    guest.pvctl.request(Event.REBOOT)
    assert guest.run() == ResetLimit(0)
    assert commands(guest) == [Command.RESET]


def test_request_to_crash_panics_the_guest(boot_to_idle: Boot) -> None:
    guest = boot_to_idle("panic=1")
    guest.pvctl.request(Event.CRASH)
    assert isinstance(guest.run(), Panicked)
    assert "Kernel panic - not syncing: f00000000.pvctl: the host requests a crash" in guest.console
    assert commands(guest)[0] == Command.CRASH


def test_request_to_shut_down_and_to_reboot_at_once_powers_the_guest_off(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    guest.pvctl.request(Event.SHUTDOWN | Event.REBOOT)
    assert guest.run() == PoweredOff(0)


def test_request_is_served_after_a_reset(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    guest.pvctl.request(Event.REBOOT)
    guest.run(reset_limit=1)
    assert guest.console.count("init: act=idle") == 2
    guest.pvctl.request(Event.SHUTDOWN)
    assert guest.run() == PoweredOff(0)


def test_driver_unmasks_the_events_that_it_knows(boot_to_idle: Boot) -> None:
    pvctl = boot_to_idle().pvctl
    assert pvctl.ENABLE == ALL_FEATURES
    assert pvctl.EVENT_MASK == ALL_EVENTS


def test_without_an_interrupt_events_stay_off(
    boot_to_idle: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    pvctl = boot_to_idle(tree=compile_tree(WITHOUT_INTERRUPT)).pvctl
    assert pvctl.ENABLE == ALL_FEATURES & ~Feature.EVENTS
    assert pvctl.EVENT_MASK == 0
    assert not pvctl.request(Event.SHUTDOWN)


def test_without_the_events_feature_nothing_is_unmasked(boot: Boot) -> None:
    guest = boot(append="act=restart")
    guest.pvctl.FEATURES = ALL_FEATURES & ~Feature.EVENTS
    guest.run()
    assert guest.pvctl.EVENT_MASK == 0


def test_undefined_event_beside_a_request_is_acknowledged_and_ignored(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    guest.pvctl.request(Event.REBOOT | UNDEFINED_EVENT)
    assert guest.run() == ResetLimit(0)
    assert guest.pvctl.EVENT == 0


def test_undefined_event_that_interrupts_is_acknowledged_and_ignored(boot_to_idle: Boot) -> None:
    guest = boot_to_idle()
    console = guest.console
    # No driver has asked for it: what a broken device could do.
    guest.pvctl.write(Pvctl.EVENT_MASK.offset, 4, UNDEFINED_EVENT)
    guest.pvctl.request(UNDEFINED_EVENT)
    guest.run(1_000_000)
    assert guest.pvctl.EVENT == 0
    assert guest.console == console


def test_interrupt_without_a_request_does_no_harm(boot_to_idle: Boot) -> None:
    lines = []

    def connect(wiring: Wiring, node: Node) -> Pvctl:
        line = wiring.first_interrupt(node)
        assert line is not None
        lines.append(line)
        return Pvctl(InterruptLine(line.set), wiring.surroundings.pvctl_host)

    guest = boot_to_idle(models={"qemu,pvctl": connect})
    (line,) = lines
    console = guest.console
    # The device lowers its own line only, so that this is a storm.
    line.set(True)
    guest.run(1_000_000)
    assert guest.console == console
    line.set(False)
    guest.pvctl.request(Event.SHUTDOWN)
    assert guest.run() == PoweredOff(0)

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host asks of the guest: the driver's interrupt and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from binding import bind, unbind

from paradrive.devices.pvctl import ALL_FEATURES, Command, CommandRecord, Event, Feature, Pvctl
from paradrive.devices.state import State
from paradrive.guest.agent import GuestEndedError
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.bus import MmioAccess
    from paradrive.machine.outcome import Outcome
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
UNDEFINED_EVENT = Event(1 << 7)
WITHOUT_INTERRUPT = """
/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &pvctl { /delete-property/ interrupts; };
"""
#: Ten boots.
BUDGET = 100_000_000


class BrokenPvctl(Pvctl):
    """A device whose interrupt a test can raise, whatever has been requested."""

    stuck = State(bool)

    @Pvctl.irq.level
    def _stuck_or_requested(self) -> bool:
        return self.stuck or self.EVENT & self.EVENT_MASK != 0


def run_to_the_end(guest: BootedGuest) -> Outcome:
    return guest.machine.run(BUDGET, reset_limit=0)


def test_request_to_shut_down_powers_the_guest_off(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert pvctl.request(Event.SHUTDOWN)
    assert run_to_the_end(guest) == PoweredOff(0)
    assert "pvctl f00000000.pvctl: the host requests a shutdown" in guest.console
    assert pvctl.commands == [Command.SHUTDOWN()]


def test_request_to_reboot_resets_the_guest(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.request(Event.REBOOT)
    assert run_to_the_end(guest) == ResetLimit(0)
    assert pvctl.commands == [Command.RESET()]


@pytest.mark.guest(append="panic=-1")
def test_request_to_crash_panics_the_guest(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.request(Event.CRASH)
    assert isinstance(run_to_the_end(guest), Panicked)
    assert "Kernel panic - not syncing: f00000000.pvctl: the host requests a crash" in guest.console
    assert pvctl.commands[0] == Command.CRASH()


def test_request_to_shut_down_and_to_reboot_at_once_powers_the_guest_off(
    guest: BootedGuest, pvctl: Pvctl
) -> None:
    pvctl.request(Event.SHUTDOWN | Event.REBOOT)
    assert run_to_the_end(guest) == PoweredOff(0)


def test_request_is_served_after_a_reset(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.request(Event.REBOOT)
    guest.run_until(line="init: pvctl bound to", reset_limit=1)
    assert pvctl.request(Event.SHUTDOWN)
    assert run_to_the_end(guest) == PoweredOff(0)


# As no program can be started any more, the kernel would restart at once when it is asked to reboot.
@pytest.mark.parametrize(
    ("command", "record"), [("poweroff", Command.SHUTDOWN()), ("reboot", Command.RESET())]
)
def test_request_to_a_guest_that_is_shutting_down_changes_nothing(
    guest: BootedGuest, pvctl: Pvctl, command: str, record: CommandRecord
) -> None:
    guest.agent.start(command)
    guest.run_until(symbol="syscore_shutdown")
    assert pvctl.EVENT_MASK == Event.CRASH
    pvctl.request(Event.SHUTDOWN | Event.REBOOT)
    run_to_the_end(guest)
    assert pvctl.commands == [record]


def test_driver_unmasks_the_events_that_it_knows(pvctl: Pvctl) -> None:
    assert pvctl.ENABLE == ALL_FEATURES
    assert pvctl.EVENT_MASK == ALL_EVENTS


def test_without_an_interrupt_events_stay_off(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    guest = boot(append="act=restart", tree=compile_tree(WITHOUT_INTERRUPT))
    guest.run()
    assert guest.pvctl.ENABLE == ALL_FEATURES & ~Feature.EVENTS
    assert guest.pvctl.EVENT_MASK == 0
    assert not guest.pvctl.request(Event.SHUTDOWN)


def test_undefined_event_beside_a_request_is_left_alone(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.request(Event.REBOOT | UNDEFINED_EVENT)
    assert run_to_the_end(guest) == ResetLimit(0)
    assert pvctl.EVENT == UNDEFINED_EVENT


def test_undefined_event_that_interrupts_is_left_alone(guest: BootedGuest, pvctl: Pvctl) -> None:
    # No driver has asked for it: what a broken device could do.
    pvctl.write(Pvctl.EVENT_MASK.offset, 4, UNDEFINED_EVENT)
    pvctl.request(UNDEFINED_EVENT)
    guest.run_until(instructions=1_000_000)
    assert (pvctl.EVENT, guest.console) == (UNDEFINED_EVENT, "")
    pvctl.write(Pvctl.EVENT_MASK.offset, 4, ALL_EVENTS)
    pvctl.request(Event.REBOOT)
    assert run_to_the_end(guest) == ResetLimit(0)


@pytest.mark.guest(append="panic=-1")
@pytest.mark.parametrize("first", [Event.SHUTDOWN, Event.REBOOT])
def test_request_is_not_lost_while_another_is_acknowledged(
    guest: BootedGuest, pvctl: Pvctl, first: Event
) -> None:
    requested = []

    def request_before_the_acknowledgement(access: MmioAccess) -> bool:
        is_one = access.is_write and access.register == "EVENT"
        if is_one:
            requested.append(pvctl.request(Event.CRASH))
        return is_one

    pvctl.request(first)
    guest.run_until(access=request_before_the_acknowledgement)
    assert requested == [True]
    assert isinstance(run_to_the_end(guest), Panicked)


def test_request_that_comes_twice_is_served_once_more(guest: BootedGuest, pvctl: Pvctl) -> None:
    for _ in range(2):
        pvctl.request(Event.SHUTDOWN)
        guest.run_until(access=lambda access: access.register == "EVENT" and access.is_write)
        guest.run_until(instructions=1)
        assert pvctl.EVENT == 0
    assert run_to_the_end(guest) == PoweredOff(0)
    assert pvctl.commands == [Command.SHUTDOWN()]


def test_request_to_an_earlier_owner_is_not_served(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    # What a kernel leaves behind that another has taken over from.
    pvctl.write(Pvctl.ENABLE.offset, 4, ALL_FEATURES)
    pvctl.write(Pvctl.EVENT_MASK.offset, 4, Event.CRASH)
    pvctl.request(ALL_EVENTS | UNDEFINED_EVENT)
    assert bind(guest) == 0
    guest.run_until(instructions=1_000_000)
    assert (pvctl.EVENT, pvctl.commands, guest.console) == (0, [], "")
    assert pvctl.request(Event.REBOOT)
    assert run_to_the_end(guest) == ResetLimit(0)


def test_request_to_a_driver_that_is_about_to_listen_is_served(guest: BootedGuest, pvctl: Pvctl) -> None:
    unbind(guest)
    requested = []

    def request_before_the_mask(access: MmioAccess) -> bool:
        if access.is_write and access.register == "EVENT_MASK" and access.value == ALL_EVENTS:
            requested.append(pvctl.request(Event.SHUTDOWN))
        return False

    guest.machine.bus.trace = request_before_the_mask
    with pytest.raises(GuestEndedError) as ended:
        bind(guest)
    assert (requested, ended.value.outcome) == ([True], PoweredOff(0))


@pytest.mark.guest(models={"qemu,pvctl": BrokenPvctl})
def test_interrupt_without_a_request_does_no_harm(guest: BootedGuest) -> None:
    pvctl = guest.device(BrokenPvctl)
    pvctl.stuck = True
    guest.run_until(instructions=1_000_000)
    assert guest.console == ""
    pvctl.stuck = False
    pvctl.request(Event.SHUTDOWN)
    assert run_to_the_end(guest) == PoweredOff(0)

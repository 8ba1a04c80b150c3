# SPDX-License-Identifier: GPL-2.0-or-later
"""Two devices at once: the one of the higher priority is asked first, both hear of a crash, both can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from binding import DRIVER

from paradrive.devices.pvctl import Command, Event, Feature, Pvctl, Status
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

#: The devices pvctl@0 and pvctl@1000; the latter has the higher priority.
TWO_DEVICES = "../selftests/two-devices.dts"
#: The same, but for their priorities, and with one interrupt.
ONE_INTERRUPT = "../../dts/variants/bad/one-interrupt-for-two.dts"
#: The kernel's handler that resets through the guts (kernel: arch/powerpc/sysdev/fsl_soc.c).
PRIORITY_OF_GUTS = 128
#: Ten boots.
BUDGET = 100_000_000


def pvctls(guest: Guest | BootedGuest) -> list[Pvctl]:
    """Return the devices in the order of their addresses."""
    devices = guest.machine.devices
    return [device for _, device in sorted(devices.items()) if isinstance(device, Pvctl)]


def of_priority(priority: int) -> str:
    """Return a tree with two devices of the same priority."""
    return f"""
    /dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
    &pvctl {{ priority = <{priority}>; }};
    / {{ platform@f00000000 {{ pvctl@1000 {{
        compatible = "qemu,pvctl"; reg = <0x1000 0x1000>; priority = <{priority}>;
    }}; }}; }};
    """


@pytest.mark.guest(dtb=TWO_DEVICES)
def test_device_of_the_higher_priority_is_asked_first(guest: BootedGuest) -> None:
    low, high = pvctls(guest)
    guest.run("reboot")
    assert (low.commands, high.commands) == ([], [Command.RESET()])


@pytest.mark.guest(dtb=TWO_DEVICES)
def test_the_other_is_asked_when_the_first_refuses(guest: BootedGuest) -> None:
    low, high = pvctls(guest)
    # A host that the guest has been moved to may offer less.
    high.write(Pvctl.ENABLE.offset, 4, 0)
    assert guest.run("poweroff").outcome == PoweredOff(0)
    assert high.commands == [Command.SHUTDOWN(status=Status.NOT_ENABLED)]
    assert low.commands == [Command.SHUTDOWN()]


@pytest.mark.guest(dtb=TWO_DEVICES)
def test_the_other_takes_over_when_the_first_is_unbound(guest: BootedGuest) -> None:
    low, high = pvctls(guest)
    guest.write(f"{DRIVER}/unbind", "f00001000.pvctl")
    guest.run("poweroff -c 7")
    assert (low.commands, high.commands) == ([Command.SHUTDOWN(argument=7)], [])


@pytest.mark.guest(dtb=TWO_DEVICES, append="panic=-1")
@pytest.mark.parametrize("asking", [0, 1])
def test_both_hear_of_a_crash_that_one_has_requested(guest: BootedGuest, asking: int) -> None:
    low, high = devices = pvctls(guest)
    devices[asking].request(Event.CRASH)
    assert isinstance(guest.machine.run(BUDGET, reset_limit=0), Panicked)
    assert (low.commands, high.commands) == ([Command.CRASH()], [Command.CRASH(), Command.RESET()])


@pytest.mark.guest(dtb=ONE_INTERRUPT)
@pytest.mark.parametrize("asking", [0, 1])
def test_either_may_request_where_they_share_an_interrupt(guest: BootedGuest, asking: int) -> None:
    assert pvctls(guest)[asking].request(Event.REBOOT)
    assert guest.machine.run(BUDGET, reset_limit=0) == ResetLimit(0)
    assert "nobody cared" not in guest.console


@pytest.mark.guest(dtb=ONE_INTERRUPT)
@pytest.mark.parametrize("asking", [0, 1])
def test_masked_request_is_not_served_with_that_of_another_device(guest: BootedGuest, asking: int) -> None:
    devices = pvctls(guest)
    masked = devices[1 - asking]
    masked.write(Pvctl.EVENT_MASK.offset, 4, Event.CRASH)
    assert masked.request(Event.SHUTDOWN)
    assert devices[asking].request(Event.REBOOT)
    assert guest.machine.run(BUDGET, reset_limit=0) == ResetLimit(0)
    assert masked.EVENT == Event.SHUTDOWN
    assert "requests a shutdown" not in guest.console


# Which of two would be asked first, nobody could tell.
def test_second_device_of_a_priority_is_refused(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    guest = boot(append="act=poweroff", tree=compile_tree(of_priority(192)))
    assert guest.run() == PoweredOff(0)
    refusal = "pvctl f00001000.pvctl: error -16: cannot register power-off handler of priority 192"
    assert refusal in guest.console
    first, second = pvctls(guest)
    assert first.commands == [Command.SHUTDOWN()]
    assert (second.commands, second.ENABLE) == ([], 0)


def test_priority_of_another_restart_handler_is_refused(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    guest = boot(append="act=restart", tree=compile_tree(of_priority(PRIORITY_OF_GUTS)))
    guest.run()
    assert (
        "pvctl f00000000.pvctl: error -16: cannot register restart handler of priority 128" in guest.console
    )
    assert [device.ENABLE for device in pvctls(guest)] == [0, 0]


def test_lowest_priority_can_be_shared(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    guest = boot(append="act=poweroff", tree=compile_tree(of_priority(0)))
    assert guest.run() == PoweredOff(0)
    assert [device.enabled & Feature.SHUTDOWN for device in pvctls(guest)] == [Feature.SHUTDOWN] * 2

# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that sleeps: requests wake it, and it negotiates again with a device that has lost its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from binding import DEVICE, complaints
from programs import program

from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature, Status
from paradrive.machine.outcome import Panicked, PoweredOff, ResetLimit
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.guest.agent import Program
    from paradrive.machine.outcome import Outcome
    from paradrive.testing.booted import BootedGuest

#: The console tells all that happens, and a kernel that has panicked restarts.
pytestmark = pytest.mark.guest(append="no_console_suspend panic=-1 ramdisk_size=16384")

#: Ten boots.
BUDGET = 100_000_000
ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH
#: All of the RAM disk.
SWAP_PAGES = (16 << 20) // 4096
PAGE = 4096
#: Where the guest says what it does about a request by force (kernel: kernel/reboot.c).
BY_FORCE = "forcing the issue"
AWAKE = "Restarting tasks"


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    guest = ensure_guest("e500v2", fragments=("full",))
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)


@pytest.fixture(autouse=True)
def put(guest: BootedGuest, guest_files: GuestFiles) -> None:
    guest.write("/bin/put", program("put", guest_files, "full"), 0o755)


def fall_asleep(guest: BootedGuest) -> Program:
    """Let the guest suspend to idle."""
    sleep = guest.agent.start("put", "/sys/power/state", "freeze")
    guest.run_until(symbol="dpm_suspend_noirq")
    # Its clock goes on.
    guest.run_until(instructions=1_000_000)
    assert AWAKE not in guest.console
    return sleep


def suspend_devices_only(guest: BootedGuest) -> Program:
    """Let the guest suspend as far as its devices go, and resume."""
    guest.write("/sys/module/suspend/parameters/pm_test_delay", "0")
    guest.write("/sys/power/pm_test", "platform")
    return guest.agent.start("put", "/sys/power/state", "freeze")


def assert_serves_in_order(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert pvctl.request(Event.SHUTDOWN)
    assert guest.machine.run(BUDGET, reset_limit=0) == PoweredOff(0)
    assert pvctl.commands == [Command.SHUTDOWN()]
    assert guest.console.index(AWAKE) < guest.console.index("the host requests")
    assert BY_FORCE not in guest.console
    assert complaints(guest) == []


def sleep_for_a_moment(guest: BootedGuest, pvctl: Pvctl) -> None:
    """Let the guest suspend its devices, and resume; ``pvctl`` loses its state meanwhile."""
    sleep = suspend_devices_only(guest)
    guest.run_until(symbol="dpm_resume_noirq")
    pvctl.reset()
    assert not pvctl.request(Event.SHUTDOWN)
    assert sleep.wait().status == 0
    assert AWAKE in guest.console


def hibernate(guest: BootedGuest, pvctl: Pvctl, guest_files: GuestFiles) -> None:
    """Let the guest write itself to a RAM disk and read itself back; ``pvctl`` loses its state each time."""
    header = bytearray(PAGE)
    for place, number in ((1024, 1), (1028, SWAP_PAGES - 1)):
        header[place : place + 4] = number.to_bytes(4, "big")
    header[-10:] = b"SWAPSPACE2"
    guest.write("/dev/ram0", bytes(header))
    guest.write("/bin/swap_on", program("swap_on", guest_files, "full"), 0o755)
    assert guest.run("swap_on /dev/ram0").status == 0
    guest.write("/sys/power/resume", "1:0")
    guest.write("/sys/power/disk", "test_resume")
    resumes = []

    def lose_state() -> None:
        resumes.append(pvctl.enabled)
        pvctl.reset()

    guest.machine.vcpu.set_breakpoint(guest.symbol("dpm_resume_noirq"), lose_state)
    guest.agent.budget = 10 * BUDGET
    assert guest.run("put /sys/power/state disk").status == 0
    # Thawed to write the image, and restored from it.
    assert resumes == [ALL_FEATURES] * 2


@pytest.mark.parametrize(
    ("event", "outcome", "command"),
    [
        pytest.param(Event.SHUTDOWN, PoweredOff(0), Command.SHUTDOWN(), id="shutdown"),
        pytest.param(Event.REBOOT, ResetLimit(0), Command.RESET(), id="reboot"),
    ],
)
def test_request_wakes_the_guest_which_then_serves_it_in_order(
    guest: BootedGuest, pvctl: Pvctl, event: Event, outcome: Outcome, command: Command
) -> None:
    fall_asleep(guest)
    assert pvctl.request(event)
    assert guest.machine.run(BUDGET, reset_limit=0) == outcome
    assert pvctl.commands == [command]
    assert guest.console.index(AWAKE) < guest.console.index("the host requests")
    assert BY_FORCE not in guest.console
    assert complaints(guest) == []


def test_request_to_crash_reaches_a_guest_that_sleeps(guest: BootedGuest, pvctl: Pvctl) -> None:
    fall_asleep(guest)
    assert pvctl.request(Event.CRASH)
    assert isinstance(guest.machine.run(BUDGET, reset_limit=0), Panicked)
    assert pvctl.commands == [Command.CRASH(), Command.RESET()]


# User space is frozen, or about to be: no program can be started, and the request must not be forced.
@pytest.mark.parametrize("symbol", ["freeze_processes", "dpm_suspend_start", "dpm_suspend_noirq"])
def test_request_on_the_way_to_sleep_turns_the_guest_back(
    guest: BootedGuest, pvctl: Pvctl, symbol: str
) -> None:
    guest.agent.start("put", "/sys/power/state", "freeze")
    guest.run_until(symbol=symbol)
    assert_serves_in_order(guest, pvctl)


@pytest.mark.parametrize("symbol", ["dpm_resume_noirq", "dpm_resume_end", "thaw_processes"])
def test_request_on_the_way_back_is_served_in_order(guest: BootedGuest, pvctl: Pvctl, symbol: str) -> None:
    suspend_devices_only(guest)
    guest.run_until(symbol=symbol)
    assert_serves_in_order(guest, pvctl)


def test_user_decides_whether_requests_wake_the_guest(guest: BootedGuest, pvctl: Pvctl) -> None:
    wakeup = f"{DEVICE}/power/wakeup"
    assert guest.read(wakeup) == "enabled\n"
    guest.write(wakeup, "disabled")
    fall_asleep(guest)
    assert pvctl.request(Event.SHUTDOWN)
    guest.run_until(instructions=5_000_000)
    assert AWAKE not in guest.console


def test_device_in_its_power_on_state_works_again_after_sleep(guest: BootedGuest, pvctl: Pvctl) -> None:
    sleep_for_a_moment(guest, pvctl)
    assert (pvctl.enabled, pvctl.EVENT_MASK) == (ALL_FEATURES, ALL_EVENTS)
    assert guest.run("poweroff -c 3").outcome == PoweredOff(3)


def test_device_in_its_power_on_state_works_again_after_hibernation(
    guest: BootedGuest, pvctl: Pvctl, guest_files: GuestFiles
) -> None:
    guest.write("/left-behind", "before")
    hibernate(guest, pvctl, guest_files)
    assert guest.read("/left-behind") == "before"
    assert (pvctl.enabled, pvctl.EVENT_MASK) == (ALL_FEATURES, ALL_EVENTS)
    assert complaints(guest) == []
    assert pvctl.request(Event.SHUTDOWN)
    assert guest.machine.run(BUDGET, reset_limit=0) == PoweredOff(0)


def test_guest_wakes_on_a_host_with_fewer_features(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.FEATURES = int(Feature.RESET | Feature.EVENTS) | 1 << 31
    sleep_for_a_moment(guest, pvctl)
    assert pvctl.enabled == Feature.RESET | Feature.EVENTS
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert pvctl.commands == [Command.SHUTDOWN(status=Status.NOT_ENABLED)]


def test_guest_wakes_on_a_host_with_more_features_and_leaves_them(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.write(f"{DEVICE.rpartition('/')[0]}/unbind", DEVICE.rpartition("/")[2])
    pvctl.FEATURES = int(Feature.SHUTDOWN)
    guest.write(f"{DEVICE.rpartition('/')[0]}/bind", DEVICE.rpartition("/")[2])
    pvctl.FEATURES = int(ALL_FEATURES)
    sleep_for_a_moment(guest, pvctl)
    # Nothing is registered that could serve the others.
    assert (pvctl.enabled, pvctl.EVENT_MASK) == (Feature.SHUTDOWN, 0)


def test_another_device_in_its_place_is_left_alone(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.answer(pvctl, "ID", 0x12345678)
    sleep_for_a_moment(guest, pvctl)
    assert "unknown device ID 0x12345678" in guest.console
    assert pvctl.enabled == 0

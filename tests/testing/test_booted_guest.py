# SPDX-License-Identifier: GPL-2.0-or-later
"""The fixture ``guest``: a booted machine of one's own for each test."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Feature, ResetKind
from paradrive.guest.agent import GuestEndedError, RebootCommand, RequestRefusedError
from paradrive.guest.agent_protocol import AgentError, Request, string
from paradrive.machine.outcome import NoProgress, Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles

DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"


def test_poweroff_reaches_the_device(guest: BootedGuest, pvctl: Pvctl) -> None:
    result = guest.run("poweroff")
    assert (result.status, result.outcome) == (None, PoweredOff(0))
    assert pvctl.commands == [Command.SHUTDOWN(argument=0)]
    assert "reboot: Power down" in guest.console


def test_guest_that_the_host_resets_boots_again(guest: BootedGuest) -> None:
    guest.write("/left-behind", "something")
    guest.reset()
    assert guest.read(f"{DRIVER}/{NAME}/boot_reason") == "reset button action\n"
    with pytest.raises(RequestRefusedError, match="ENOENT"):
        guest.read("/left-behind")


def test_restart_reaches_the_device(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert pvctl.commands == [Command.RESET(argument=ResetKind.COLD)]


def test_a_file_holds_what_was_written_last(guest: BootedGuest) -> None:
    # In parts, in one, and not at all.
    for content in (bytes(range(256)) * 300, b"short", b"", b"again"):
        guest.write("/file", content)
        assert guest.agent.read("/file") == content


def test_a_program_that_was_written_can_be_executed_at_once(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.write("/sbin/poweroff", guest.agent.read("/bin/report_devices"), 0o755)
    pvctl.request(Event.SHUTDOWN)
    guest.run_until(line="devices: end", budget=20_000_000)


# Each of these two would find what the other has left behind, whichever comes first.
@pytest.mark.parametrize("turn", range(2))
def test_a_guest_finds_nothing_of_other_tests(guest: BootedGuest, pvctl: Pvctl, turn: int) -> None:
    assert (guest.console, pvctl.commands, list(guest.accesses)) == ("", [], [])
    assert pvctl.ENABLE == ALL_FEATURES
    assert guest.read(f"{DRIVER}/{NAME}/version") == "1.0\n"
    with pytest.raises(RequestRefusedError, match="ENOENT"):
        guest.read("/left-behind")
    guest.write("/left-behind", "something")
    pvctl.VERSION = 1 << 16 | 99
    pvctl.FEATURES = 0
    pvctl.read(0x40, 4)
    assert guest.read(f"{DRIVER}/{NAME}/version") == "1.99\n"
    guest.write(f"{DRIVER}/unbind", NAME)
    assert pvctl.ENABLE == 0
    guest.run("reboot")


def test_the_device_is_left_as_after_boot(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert pvctl.ENABLE == ALL_FEATURES
    assert not guest.machine.bus.guest_errors.entries


def test_driver_binds_to_a_changed_device(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.write(f"{DRIVER}/unbind", NAME)
    pvctl.FEATURES = int(Feature.SHUTDOWN)
    guest.write(f"{DRIVER}/bind", NAME)
    assert pvctl.ENABLE == Feature.SHUTDOWN


@pytest.mark.guest(dtb="no-interrupt.dts")
def test_without_interrupt_events_stay_off(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert Feature.EVENTS not in pvctl.enabled
    assert not pvctl.request(Event.SHUTDOWN)


@pytest.mark.guest(append="reboot=warm")
def test_the_marker_adds_kernel_arguments(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert "reboot=warm" in guest.read("/proc/cmdline")
    guest.run("reboot")
    assert pvctl.commands[-1].argument == ResetKind.WARM


def test_modules_come_and_go(guest: BootedGuest) -> None:
    guest.rmmod("pvctl")
    with pytest.raises(RequestRefusedError) as caught:
        guest.read("/sys/module/pvctl/refcnt")
    assert caught.value.number == errno.ENOENT
    with pytest.raises(LookupError):
        guest.symbol("pvctl_probe")
    guest.insmod("/lib/modules/pvctl.ko")
    start = guest.symbol("pvctl_probe")
    assert guest.symbols.describe(start) == "pvctl_probe"
    with pytest.raises(RequestRefusedError, match="EEXIST"):
        guest.insmod("/lib/modules/pvctl.ko")


def test_symbols_are_where_the_guest_executes(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: (access.device, access.register) == (pvctl.name, "COMMAND"))
    start = guest.symbol("pvctl_command")
    assert start < guest.accesses[-1].pc < start + 0x100
    assert guest.symbols.describe(start) == "pvctl_command"


def test_an_access_that_is_not_remembered_can_be_awaited(guest: BootedGuest) -> None:
    guest.run("report_devices")  # its output goes through UARTs
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: access.register == "THR")
    assert {traced.access.device for traced in guest.accesses} <= {guest.pvctl.name}


def test_memory_is_what_the_guest_has(guest: BootedGuest) -> None:
    banner = guest.read("/proc/version").encode()
    assert banner in guest.memory.read(0, 16 << 20)
    with pytest.raises(ValueError):
        guest.memory.read(0x4000000 - 2, 4)
    with pytest.raises(ValueError):
        guest.memory.write(0x4000000 - 2, b"1234")


def test_the_guest_executes_code_that_the_host_has_written(guest: BootedGuest, pvctl: Pvctl) -> None:
    place = guest.memory.physical(guest.symbol("machine_restart"))
    assert place is not None
    trap = (0x7FE00008).to_bytes(4, "big")
    guest.memory.write(place, trap)
    assert guest.run("reboot").outcome != ResetLimit(0)
    assert "kernel BUG" in guest.console or "Oops" in guest.console


def test_run_until_a_line_of_the_console(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.agent.start("poweroff")
    guest.run_until(line="Power down")
    assert not pvctl.commands
    assert guest.console.endswith("Power down\r\n")


def test_run_until_a_device_access(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: (access.device, access.register) == ("pvctl@0", "ARGUMENT"))
    assert guest.symbols.describe(guest.accesses[-1].pc).startswith("pvctl_command")
    assert not pvctl.commands


def test_run_until_a_symbol(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.agent.start("reboot")
    guest.run_until(symbol="pvctl_restart")
    assert guest.machine.vcpu.state.pc == guest.symbol("pvctl_restart")
    assert not pvctl.commands
    with pytest.raises(GuestEndedError):
        guest.run_until(symbol="pvctl_restart")
    assert pvctl.commands


def test_run_until_a_symbol_within_the_same_page(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    guest.run_until(symbol="pvctl_restart")
    guest.run_until(symbol="pvctl_command")
    assert guest.machine.vcpu.state.pc == guest.symbol("pvctl_command")


def test_run_until_a_number_of_instructions(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    before = guest.machine.vcpu.instructions
    guest.run_until(instructions=12345)
    assert guest.machine.vcpu.instructions == before + 12345


def test_run_until_what_never_happens_tells_how_the_guest_ended(guest: BootedGuest) -> None:
    guest.agent.start("poweroff")
    with pytest.raises(GuestEndedError) as caught:
        guest.run_until(line="never printed")
    assert caught.value.outcome == PoweredOff(0)


def test_a_program_finishes_after_the_test_has_watched_it(guest: BootedGuest) -> None:
    program = guest.agent.start("/bin/nothing")
    guest.run_until(instructions=1000)
    with pytest.raises(AgentError):
        guest.read("/proc/version")
    guest.run_until(instructions=1_000_000)
    assert program.wait().status == 127
    assert guest.read("/proc/version").startswith("Linux version 6.12")


def test_a_panic_is_an_outcome(guest: BootedGuest) -> None:
    assert guest.pvctl.request(Event.CRASH)
    with pytest.raises(GuestEndedError) as caught:
        guest.run_until(line="never printed")
    assert isinstance(caught.value.outcome, Panicked)
    assert caught.value.outcome.message.startswith("Kernel panic - not syncing")


def test_a_run_takes_no_more_than_its_budget(guest: BootedGuest) -> None:
    guest.agent.start("reboot")
    before = guest.machine.vcpu.instructions
    with pytest.raises(GuestEndedError):
        guest.run_until(line="never printed", budget=1234)
    assert guest.machine.vcpu.instructions == before + 1234


def test_each_request_has_a_budget_of_its_own(guest: BootedGuest) -> None:
    guest.agent.budget = guest.machine.vcpu.instructions // 2
    for _ in range(3):
        assert guest.run("report_devices").status == 0


def test_a_file_that_is_written_gets_the_mode_asked_for(guest: BootedGuest) -> None:
    program = guest.agent.read("/bin/report_devices")
    guest.write("/bin/may-run", program, 0o755)
    guest.write("/bin/may-not-run", program)
    assert guest.run("may-run").status == 0
    assert guest.run("may-not-run").status != 0


def test_a_module_gets_its_parameters(guest: BootedGuest) -> None:
    guest.rmmod("pvctl")
    guest.insmod("/lib/modules/pvctl.ko", "unheard_of=1")
    assert "unheard_of" in guest.console


def test_a_module_of_the_host_is_loaded_without_what_the_kernel_does_not_need(
    guest: BootedGuest, guest_files: GuestFiles
) -> None:
    guest.rmmod("pvctl")
    guest.insmod(guest_files.modules[0])
    in_the_guest = guest.agent.read(f"/lib/modules/{guest_files.modules[0].name}")
    assert len(in_the_guest) < guest_files.modules[0].stat().st_size // 2


def test_code_that_only_an_exit_needs_has_symbols(guest: BootedGuest) -> None:
    guest.run_until(instructions=1)
    start = guest.symbol("pvctl_driver_exit")
    guest.agent._ask("rmmod", Request.RMMOD, string("pvctl"))
    guest.run_until(symbol="pvctl_driver_exit")
    assert guest.machine.vcpu.state.pc == start


def test_one_of_several_devices_is_not_guessed(guest: BootedGuest) -> None:
    with pytest.raises(LookupError, match="2 devices of class Ns16550"):
        guest.device(Ns16550)


@pytest.mark.parametrize("command", RebootCommand)
def test_the_agent_ends_its_guest(guest: BootedGuest, command: RebootCommand) -> None:
    outcome = guest.agent.reboot(command)
    said = {"RESTART": "Restarting system", "HALT": "System halted", "POWER_OFF": "Power down"}
    assert said[command.name] in guest.console
    kinds = {"RESTART": ResetLimit, "HALT": NoProgress, "POWER_OFF": PoweredOff}
    assert isinstance(outcome, kinds[command.name])


def test_the_last_byte_of_ram_is_ram_and_a_device_is_none(guest: BootedGuest) -> None:
    guest.memory.write(0x4000000 - 2, b"ab")
    assert guest.memory.read(0x4000000 - 2, 2) == b"ab"
    banner = guest.symbol("machine_restart")
    assert guest.memory.read_word(banner) is not None
    assert guest.memory.read_word(banner + 2) is None
    assert guest.memory.read_word(0) is None


def test_a_guest_that_hangs_is_told_from_one_that_ends(guest: BootedGuest) -> None:
    guest.agent.budget = 1000
    with pytest.raises(GuestEndedError) as caught:
        guest.run("poweroff")
    assert isinstance(caught.value.outcome, NoProgress)

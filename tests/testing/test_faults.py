# SPDX-License-Identifier: GPL-2.0-or-later
"""Fault injection: functions of the guest that fail, devices that answer wrongly, and that both end."""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import ALL_FEATURES, Pvctl
from paradrive.guest.agent import RequestRefusedError
from paradrive.machine.outcome import ResetLimit
from paradrive.testing.faults import NULL_ON_FAILURE, Returns

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest

DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"


def bind_again(guest: BootedGuest) -> int:
    """Bind the driver once more; return the error number of that, 0 where it binds."""
    with suppress(RequestRefusedError):  # where it has not been bound the last time
        guest.write(f"{DRIVER}/unbind", NAME)
    try:
        guest.write(f"{DRIVER}/bind", NAME)
    except RequestRefusedError as refused:
        return refused.number
    return 0


def test_a_function_returns_the_error_asked_for(guest: BootedGuest) -> None:
    fault = guest.fail("devm_register_sys_off_handler", errno.EBUSY)
    assert (fault.calls, fault.failed) == (0, False)
    assert bind_again(guest) == errno.EBUSY
    assert (fault.calls, fault.failed) == (1, True)


def test_the_call_of_a_number_fails_and_no_other(guest: BootedGuest) -> None:
    fault = guest.fail("devm_register_sys_off_handler", errno.EBUSY, call=3)
    assert bind_again(guest) == 0
    assert (fault.calls, fault.failed) == (2, False)
    assert bind_again(guest) == errno.EBUSY
    assert fault.failed
    assert bind_again(guest) == 0
    assert (fault.calls, fault.failed) == (3, True)


def test_errors_that_only_the_kernel_knows_are_returned_too(guest: BootedGuest) -> None:
    for error, seen in ((517, errno.EAGAIN), (4095, 4095)):  # EPROBE_DEFER, as "bind" passes it on; MAX_ERRNO
        guest.fail("pvctl_probe", error)
        assert bind_again(guest) == seen


def test_two_calls_of_a_function_can_fail(guest: BootedGuest) -> None:
    for call, error in ((1, errno.EBUSY), (2, errno.EIO)):
        guest.fail("devm_register_sys_off_handler", error, call=call)
    assert [bind_again(guest) for _ in range(3)] == [errno.EBUSY, errno.EIO, 0]


def test_an_error_pointer_is_what_the_caller_finds(guest: BootedGuest) -> None:
    guest.fail("devm_platform_ioremap_resource", errno.EADDRINUSE)
    assert bind_again(guest) == errno.EADDRINUSE


def test_a_function_that_returns_null_does_so_whatever_the_error(guest: BootedGuest) -> None:
    guest.fail("ioremap", errno.EIO)
    assert bind_again(guest) == errno.ENOMEM
    assert "Oops" not in guest.console


def test_a_test_can_say_what_a_function_returns(guest: BootedGuest) -> None:
    assert "platform_get_resource" not in NULL_ON_FAILURE
    guest.fail("platform_get_resource", returns=Returns.NULL)
    assert bind_again(guest) == errno.EINVAL
    assert "Oops" not in guest.console


def test_a_function_of_a_module_can_fail(guest: BootedGuest) -> None:
    guest.fail("pvctl_probe", errno.ENOSPC)
    assert bind_again(guest) == errno.ENOSPC


def test_a_fault_can_be_waited_for(guest: BootedGuest) -> None:
    fault = guest.fail("pvctl_restart")
    guest.agent.start("reboot")
    guest.run_until(symbol="pvctl_restart")
    assert fault.failed


def test_an_unknown_function_is_refused(guest: BootedGuest) -> None:
    with pytest.raises(LookupError, match="pvctl_prob"):
        guest.fail("pvctl_prob")


@pytest.mark.parametrize(("error", "call"), [(0, 1), (-errno.ENOMEM, 1), (4096, 1), (errno.ENOMEM, 0)])
def test_what_cannot_be_is_refused(guest: BootedGuest, error: int, call: int) -> None:
    with pytest.raises(ValueError):
        guest.fail("pvctl_probe", error, call=call)


def test_a_register_reads_as_the_test_says_and_writes_go_on(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.answer(pvctl, "VERSION", 1 << 16 | 7)
    guest.answer(pvctl, "FEATURES", 0xF_FFFF_FFFF)
    assert bind_again(guest) == 0
    assert guest.read(f"{DRIVER}/{NAME}/version") == "1.7\n"
    # The device itself has stayed what it was.
    assert pvctl.VERSION == 1 << 16
    assert pvctl.ENABLE == ALL_FEATURES
    features = [traced.access.value for traced in guest.accesses if traced.access.register == "FEATURES"]
    assert features == [0xFFFF_FFFF]


def test_a_device_that_is_gone_reads_as_ones_and_loses_writes(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.answer_all_ones(pvctl)
    assert guest.read(f"{DRIVER}/{NAME}/version") == "65535.65535\n"
    guest.write(f"{DRIVER}/unbind", NAME)
    assert guest.accesses[-1].access.register == "ENABLE"
    assert pvctl.ENABLE == ALL_FEATURES


def test_a_register_that_is_not_there_is_refused(guest: BootedGuest, pvctl: Pvctl) -> None:
    for register in ("COMMAND", "IDENTITY"):
        with pytest.raises(LookupError, match=f"pvctl@0.*'{register}'"):
            guest.answer(pvctl, register, 0)


def test_a_device_of_another_machine_is_refused(guest: BootedGuest, pvctl: Pvctl) -> None:
    other = Pvctl()
    for breaking in (guest.answer_all_ones, guest.hold_interrupt):
        with pytest.raises(LookupError):
            breaking(other)


def test_an_interrupt_is_held_until_it_is_let_go(guest: BootedGuest, pvctl: Pvctl) -> None:
    line = guest.hold_interrupt(pvctl)
    guest.run_until(instructions=200_000)
    reads = [traced.access.register for traced in guest.accesses].count("EVENT")
    assert reads > 10
    line.set(False)
    guest.run_until(instructions=20_000)
    guest.accesses.clear()
    guest.run_until(instructions=200_000)
    assert not guest.accesses


def test_an_interrupt_that_is_held_twice_is_let_go_at_once(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.hold_interrupt(pvctl)
    guest.hold_interrupt(pvctl).set(False)
    guest.run_until(instructions=20_000)
    guest.accesses.clear()
    guest.run_until(instructions=200_000)
    assert not guest.accesses


@pytest.mark.guest(dtb="two-interrupts.dts")
def test_the_first_interrupt_of_several_is_held(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.hold_interrupt(pvctl)
    guest.run_until(instructions=200_000)
    assert "EVENT" in {traced.access.register for traced in guest.accesses}


@pytest.mark.guest(dtb="no-interrupt.dts")
def test_a_device_without_an_interrupt_has_none_to_hold(guest: BootedGuest, pvctl: Pvctl) -> None:
    with pytest.raises(LookupError):
        guest.hold_interrupt(pvctl)


# Each of these two would find what the other has left behind, whichever comes first.
@pytest.mark.parametrize("turn", range(2))
def test_faults_end_with_the_test(guest: BootedGuest, pvctl: Pvctl, turn: int) -> None:
    assert guest.read(f"{DRIVER}/{NAME}/version") == "1.0\n"
    assert guest.run("reboot").outcome == ResetLimit(0)
    guest.restore()
    guest.fail("pvctl_restart")
    guest.fail("sysfs_emit")
    guest.answer(pvctl, "VERSION", 0)
    guest.answer_all_ones(pvctl)
    guest.hold_interrupt(pvctl)

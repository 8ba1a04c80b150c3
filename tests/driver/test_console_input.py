# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host types, and a break, reach the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import Guest


def test_input_that_waits_from_the_start_is_not_lost(boot: Callable[..., Guest]) -> None:
    guest = boot(append="act=echo")
    guest.type_text("one\ntwo\npoweroff\n")
    assert guest.run() == PoweredOff(0)
    assert "init: one" in guest.console
    assert "init: two" in guest.console


def test_break_is_counted_by_the_kernels_driver(guest: BootedGuest) -> None:
    ports = "/proc/tty/driver/serial"
    assert "brk:" not in guest.read(ports)
    guest.send_break()
    assert "brk:1" in guest.read(ports).splitlines()[1]

# SPDX-License-Identifier: GPL-2.0-or-later
"""The real driver in the real kernel on an e500mc: its own kernel, MMU, cache lines, and way to idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.machine.outcome import NoProgress, PoweredOff, ResetLimit
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]


@pytest.fixture(scope="module")
def guest_files() -> GuestFiles:
    guest = ensure_guest("e500mc")
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb)


def test_driver_binds_and_the_guest_powers_off_through_pvctl(boot: Boot) -> None:
    guest = boot(cpu="e500mc", append="act=poweroff")
    assert guest.run() == PoweredOff(0)
    assert "init: pvctl bound to f00000000.pvctl" in guest.console
    assert not guest.machine.vcpu.unimplemented


def test_guest_that_was_reset_boots_again(boot: Boot) -> None:
    guest = boot(cpu="e500mc", append="act=restart")
    assert guest.run(reset_limit=1) == ResetLimit(1)
    assert guest.console.count("init: pvctl bound to f00000000.pvctl") == 2


def test_idle_kernel_waits_for_its_timer(boot: Boot) -> None:
    guest = boot(cpu="e500mc", append="act=idle")
    outcome = guest.run()
    assert isinstance(outcome, NoProgress)
    assert "idled" in outcome.reason
    assert not guest.machine.vcpu.unimplemented


def test_kernel_of_the_e500mc_hangs_on_an_e500v2(boot: Boot) -> None:
    assert isinstance(boot(cpu="e500v2").run(20_000_000), NoProgress)

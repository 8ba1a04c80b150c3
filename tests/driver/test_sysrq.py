# SPDX-License-Identifier: GPL-2.0-or-later
"""A host sends sysrq: a break on the console, and a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import Command, CrashKind
from paradrive.machine.outcome import Panicked
from paradrive.machine.run_loop import PANIC_GRACE
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

#: A kernel that has panicked may still say why.
BUDGET = 2 * PANIC_GRACE


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    """Return a guest whose kernel has CONFIG_MAGIC_SYSRQ_SERIAL."""
    guest = ensure_guest("e500v2", fragments=("full",))
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)


def test_crash_by_sysrq_is_reported_to_the_host(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.send_break()
    guest.type_text("c")
    assert isinstance(guest.machine.run(BUDGET, reset_limit=0), Panicked)
    assert pvctl.commands == [Command.CRASH(argument=CrashKind.PANICKED)]


def test_key_without_a_break_is_mere_input(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.type_text("c")
    guest.machine.run(BUDGET // 20, reset_limit=0)
    assert not pvctl.commands

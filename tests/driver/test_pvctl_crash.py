# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that panics tells its host, and whether a crash kernel takes over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import (
    ALL_FEATURES,
    BootReason,
    Command,
    CrashKind,
    Event,
    Feature,
    ResetKind,
    Status,
)
from paradrive.machine.outcome import Panicked, ResetLimit
from paradrive.machine.run_loop import OnPanic
from paradrive_tools.guest_build.cache import locked
from paradrive_tools.guest_build.driver import PVCTL
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import Guest, GuestFiles

    Boot = Callable[..., Guest]

#: Ten boots.
BUDGET = 100_000_000
#: Init ends, which panics the kernel; the kernel restarts at once.
PANIC = "act=panic panic=-1"
#: Compiled before the driver: as in a kernel that has loaded a crash kernel.
CRASH_KERNEL_LOADED = "#include <linux/kexec.h>\n#define kexec_crash_loaded() 1\n"


@pytest.fixture
def crash_kernel_module(guest_files: GuestFiles) -> Path:
    """Return the driver as a kernel that has loaded a crash kernel sees it, built when it has changed."""
    kernel = guest_files.kernel.parent
    directory = BUILD / "tests" / "crash_kernel"
    module, header = directory / PVCTL.module, directory / "crash_kernel.h"

    def build() -> None:
        PVCTL.copy(directory)
        header.write_text(CRASH_KERNEL_LOADED)
        PVCTL.make(directory, kernel, f"KCFLAGS=-include {header}")

    with locked(directory.with_suffix(".lock"), module.name):
        refresh(module, (*PVCTL.files(), kernel.resolve() / "Module.symvers", Path(__file__)), build)
    return module


def test_panic_is_reported_before_the_guest_restarts(boot: Boot) -> None:
    guest = boot(append=PANIC)
    assert isinstance(guest.run(), Panicked)
    assert guest.pvctl.commands == [
        Command.CRASH(argument=CrashKind.PANICKED),
        Command.RESET(argument=ResetKind.COLD),
    ]


@pytest.mark.parametrize(("panic", "on_panic"), [(-1, OnPanic.CONTINUE), (0, OnPanic.RESET)])
def test_next_boot_is_told_of_the_panic(boot: Boot, panic: int, on_panic: OnPanic) -> None:
    guest = boot(append=f"act=panic panic={panic}")
    assert isinstance(guest.machine.run(4 * BUDGET, reset_limit=1, on_panic=on_panic), Panicked)
    assert guest.machine.panics == 2
    assert guest.pvctl.read(type(guest.pvctl).BOOT_REASON.offset, 4) == BootReason.AFTER_CRASH


@pytest.mark.guest(append="panic=-1")
def test_panic_with_a_crash_kernel_says_that_it_takes_over(
    guest: BootedGuest, pvctl: Pvctl, crash_kernel_module: Path
) -> None:
    guest.rmmod("pvctl")
    guest.insmod(crash_kernel_module)
    pvctl.request(Event.CRASH)
    guest.machine.run(BUDGET, reset_limit=0)
    assert pvctl.commands[0] == Command.CRASH(argument=CrashKind.CRASH_KERNEL)


def test_without_the_crash_feature_nothing_is_reported(boot: Boot) -> None:
    guest = boot(append=PANIC)
    guest.pvctl.FEATURES = ALL_FEATURES & ~Feature.CRASH
    assert guest.run() == ResetLimit(0)
    assert guest.pvctl.commands == [Command.RESET(argument=ResetKind.COLD)]


def test_refused_command_is_logged_with_the_status(guest: BootedGuest, pvctl: Pvctl) -> None:
    # A host that the guest has been moved to may offer less.
    pvctl.write(type(pvctl).ENABLE.offset, 4, 0)
    guest.agent.start("poweroff")
    guest.run_until(line="System Halted")
    assert f"pvctl f00000000.pvctl: shutdown refused, status {Status.NOT_ENABLED}" in guest.console
    assert pvctl.commands == [Command.SHUTDOWN(status=Status.NOT_ENABLED)]

# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that panics tells its host, and whether a crash kernel takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.pvctl import ALL_FEATURES, Command, CommandRecord, CrashKind, Feature, Status
from paradrive.machine.outcome import NoProgress, Panicked, ResetLimit
from paradrive_tools.guest_build.driver import PVCTL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive.testing.guest import Guest, GuestFiles

    Boot = Callable[..., Guest]

#: Init ends, which panics the kernel; the kernel restarts at once.
PANIC = "act=panic panic=-1"
#: Compiled before the driver: as in a kernel that has loaded a crash kernel.
CRASH_KERNEL_LOADED = "#include <linux/kexec.h>\n#define kexec_crash_loaded() 1\n"


@pytest.fixture
def crash_kernel_module(guest_files: GuestFiles, tmp_path: Path) -> bytes:
    directory = tmp_path / "driver"
    PVCTL.copy(directory)
    header = directory / "crash_kernel.h"
    header.write_text(CRASH_KERNEL_LOADED)
    PVCTL.make(directory, guest_files.kernel.parent, f"KCFLAGS=-include {header}")
    return (directory / PVCTL.module).read_bytes()


def test_panic_is_reported_before_the_guest_restarts(boot: Boot) -> None:
    guest = boot(append=PANIC)
    assert isinstance(guest.run(), Panicked)
    assert list(guest.pvctl.commands) == [
        CommandRecord(Command.CRASH, CrashKind.PANICKED, Status.OK),
        CommandRecord(Command.RESET, 0, Status.OK),
    ]


def test_panic_with_a_crash_kernel_says_that_it_takes_over(
    boot: Boot, add_file: Callable[[str, bytes], GuestFiles], crash_kernel_module: bytes
) -> None:
    guest = boot(add_file("lib/modules/pvctl.ko", crash_kernel_module), append=PANIC)
    guest.run()
    assert guest.pvctl.commands[0] == CommandRecord(Command.CRASH, CrashKind.CRASH_KERNEL, Status.OK)


def test_without_the_crash_feature_nothing_is_reported(boot: Boot) -> None:
    guest = boot(append=PANIC)
    guest.pvctl.FEATURES = ALL_FEATURES & ~Feature.CRASH
    assert guest.run() == ResetLimit(0)
    assert [record.command for record in guest.pvctl.commands] == [Command.RESET]


def test_refused_command_is_logged_with_the_status(boot: Boot) -> None:
    guest = boot(append="act=poweroff")
    while "init: act=poweroff" not in guest.console:
        assert isinstance(guest.run(10_000), NoProgress)
    # A host that the guest has been moved to may offer less.
    guest.pvctl.write(type(guest.pvctl).ENABLE.offset, 4, 0)
    guest.run()
    refused = f"pvctl f00000000.pvctl: shutdown refused, status {Status.NOT_ENABLED}"
    assert refused in guest.console
    assert "System Halted" in guest.console

# SPDX-License-Identifier: GPL-2.0-or-later
"""The selftests in the guest: they pass where the device is, and skip where it is not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from ktap import Result, parse

from paradrive.devices.pvctl import ALL_FEATURES, BootReason, Command, Feature, ResetKind
from paradrive.machine.outcome import PoweredOff, ResetLimit
from paradrive_tools.guest_build.paths import DRIVER_SOURCES

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles

SKIPPED = 4
#: Binding and unbinding 1,000 times takes 100 million instructions.
LONG = 1_000_000_000
DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"
ALL = sorted(source.stem for source in (DRIVER_SOURCES / "selftests").glob("*.c"))


@pytest.mark.parametrize("name", sorted({*ALL} - {"restart"}))
def test_selftest_passes(guest: BootedGuest, name: str) -> None:
    guest.agent.budget = LONG
    done = guest.run(f"/selftests/{name}")
    report = parse(done.stdout)
    assert [result for result in report.results if not result.passed or result.skipped] == []
    assert report.is_complete
    assert (done.status, done.stderr, report.skipped) == (0, "", None)
    assert report.planned > 0


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("cold", ResetKind.COLD),
        ("warm", ResetKind.WARM),
        ("soft", ResetKind.WARM),
        ("hard", ResetKind.COLD),
        ("gpio", ResetKind.COLD),
    ],
)
def test_guest_restarts_in_each_mode(guest: BootedGuest, pvctl: Pvctl, mode: str, kind: ResetKind) -> None:
    done = guest.run(f"/selftests/restart {mode}")
    assert done.outcome == ResetLimit(0)
    assert parse(done.stdout).results == [Result("mode of the restart", True)]
    assert pvctl.commands == [Command.RESET(argument=kind)]


def test_guest_powers_off(guest: BootedGuest, pvctl: Pvctl) -> None:
    assert guest.run("/selftests/restart poweroff").outcome == PoweredOff(0)
    assert pvctl.commands == [Command.SHUTDOWN(argument=0)]


def test_sysfs_passes_on_a_device_with_less(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.write(f"{DRIVER}/unbind", NAME)
    pvctl.FEATURES = ALL_FEATURES & ~Feature.BOOT_REASON
    guest.write(f"{DRIVER}/bind", NAME)
    results = parse(guest.run("/selftests/sysfs").stdout).results
    assert all(result.passed for result in results)
    assert [result.name for result in results if result.skipped] == ["boot_reason is read-only"]


def test_sysfs_fails_where_the_device_is_another(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.VERSION = 3 << 16
    pvctl.boot_reason = BootReason.AFTER_CRASH
    done = guest.run("/selftests/sysfs")
    assert done.status == 1
    failed = [result.name for result in parse(done.stdout).results if not result.passed]
    assert failed == ["version is 1.x"]


def test_bind_unbind_fails_where_the_driver_does_not_bind_again(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.ID = 0
    done = guest.run("/selftests/bind_unbind")
    assert done.status == 1
    failed = [result.name for result in parse(done.stdout).results if not result.passed]
    assert {"bound", "bound and unbound 1000 times"} <= {*failed}


@pytest.mark.parametrize("name", ALL)
def test_selftest_skips_where_the_driver_is_not_bound(guest: BootedGuest, name: str) -> None:
    guest.write(f"{DRIVER}/unbind", NAME)
    done = guest.run(f"/selftests/{name}")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, "no device is bound")
    guest.rmmod("pvctl")
    done = guest.run(f"/selftests/{name}")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, "the driver is not loaded")


@pytest.mark.parametrize("name", ALL)
def test_selftest_skips_on_qemu(guest_files: GuestFiles, name: str) -> None:
    arguments = f"console=ttyS0 quiet panic=-1 act=restart run=/selftests/{name}"
    machine = ["-M", "ppce500", "-cpu", "e500v2", "-m", "128", "-nic", "none", "-no-reboot"]
    output = ["-display", "none", "-serial", "stdio", "-monitor", "none"]
    files = ["-kernel", str(guest_files.kernel), "-initrd", str(guest_files.initrd), "-append", arguments]
    # The limit only ends a guest that hangs; a boot takes a second.
    done = subprocess.run(
        ["qemu-system-ppc", *machine, *output, *files],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    start = done.stdout.index("KTAP version 1")
    end = done.stdout.index(f"init: /selftests/{name} exited with {SKIPPED}")
    report = parse(done.stdout[start:end].rstrip())
    assert (report.planned, report.skipped) == (0, "no device is bound")

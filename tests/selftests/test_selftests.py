# SPDX-License-Identifier: GPL-2.0-or-later
"""The selftests that leave the guest running: they pass where the device is, and skip where it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ktap import parse

from paradrive.devices.pvctl import ALL_FEATURES, BootReason, Feature
from paradrive_tools.guest_build.driver import Driver, ensure_module
from paradrive_tools.guest_build.paths import DRIVER_SOURCES
from paradrive_tools.guest_build.tools import CROSS_COMPILE

if TYPE_CHECKING:
    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles

SKIPPED = 4
#: Binding and unbinding 1,000 times takes 100 million instructions.
LONG = 1_000_000_000
SOURCES = DRIVER_SOURCES / "selftests"
DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"
ALL = sorted(source.stem for source in SOURCES.glob("*.c"))
ABSENT = "the attribute is absent"


def rebind(guest: BootedGuest, pvctl: Pvctl, features: int) -> None:
    """Bind the driver to a device that offers only these features."""
    guest.write(f"{DRIVER}/unbind", NAME)
    pvctl.FEATURES = features
    guest.write(f"{DRIVER}/bind", NAME)


def assert_passes(guest: BootedGuest, name: str) -> None:
    guest.agent.budget = LONG
    done = guest.run(f"/selftests/{name}")
    report = parse(done.stdout)
    assert [result for result in report.results if not result.passed or result.skipped] == []
    assert report.is_complete
    assert (done.status, done.stderr, report.skipped) == (0, "", None)
    assert report.planned > 0


def make_selftests(kernel: Path, sources: Path, *arguments: str) -> str:
    command = ["make", f"--directory={sources}", f"KDIR={kernel.parent.resolve()}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("prefix", [CROSS_COMPILE, ""], ids=["guest", "this machine"])
def test_selftests_compile_wherever_linux_runs(guest_files: GuestFiles, prefix: str) -> None:
    options = [f"CROSS_COMPILE={prefix}", "CFLAGS=-Werror -fsyntax-only"]
    compiled = make_selftests(guest_files.kernel, SOURCES, *options)
    assert [name for name in ALL if f" {name}.c " not in compiled] == []


def test_makefile_builds_a_program(guest_files: GuestFiles, tmp_path: Path) -> None:
    sources = shutil.copytree(SOURCES, tmp_path / "selftests")
    make_selftests(
        guest_files.kernel, sources, f"CROSS_COMPILE={CROSS_COMPILE}", "CFLAGS=-msoft-float", "sysfs"
    )
    assert (sources / "sysfs").read_bytes().startswith(b"\x7fELF")


@pytest.mark.guest(append="quiet")
@pytest.mark.parametrize("name", ["bind_unbind", "load_unload", "sysfs"])
def test_selftest_passes(guest: BootedGuest, name: str) -> None:
    assert_passes(guest, name)


@pytest.mark.guest(dtb="two-devices.dts")
@pytest.mark.parametrize("name", ["load_unload", "sysfs", "two_devices"])
def test_selftest_passes_with_two_devices(guest: BootedGuest, name: str) -> None:
    assert_passes(guest, name)


def test_two_devices_skips_where_there_is_one(guest: BootedGuest) -> None:
    done = guest.run("/selftests/two_devices")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, "only one device is bound")


def test_sysfs_passes_on_a_device_with_less(guest: BootedGuest, pvctl: Pvctl) -> None:
    rebind(guest, pvctl, ALL_FEATURES & ~(Feature.BOOT_REASON | Feature.SHUTDOWN))
    results = parse(guest.run("/selftests/sysfs").stdout).results
    assert all(result.passed for result in results)
    assert [result.skipped for result in results if result.skipped] == [ABSENT] * 4


def test_sysfs_fails_where_the_device_is_another(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.VERSION = 3 << 16
    guest.machine.boot_reason = BootReason.AFTER_CRASH
    done = guest.run("/selftests/sysfs")
    assert done.status == 1
    failed = [result.name for result in parse(done.stdout).results if not result.passed]
    assert failed == ["version is as documented"]


def test_bind_unbind_fails_where_the_driver_does_not_bind_again(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.ID = 0
    done = guest.run("/selftests/bind_unbind")
    assert done.status == 1
    failed = [result.name for result in parse(done.stdout).results if not result.passed]
    assert {"bound", "bound and unbound 1000 times"} <= {*failed}


def test_bind_unbind_fails_where_binding_loses_memory(guest: BootedGuest, guest_files: GuestFiles) -> None:
    leak = Driver(Path(__file__).parent / "leak", "leak.ko")
    guest.insmod(ensure_module("e500v2", guest_files.kernel.parent, leak).file)
    guest.agent.budget = LONG
    done = guest.run("/selftests/bind_unbind")
    failed = [result.name for result in parse(done.stdout).results if not result.passed]
    assert (done.status, failed) == (1, ["no memory lost"])


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("power_off", Feature.SHUTDOWN),
        ("restart", Feature.RESET),
        ("panic", Feature.CRASH),
        ("host_request", Feature.EVENTS),
        ("unbind_request", Feature.EVENTS),
    ],
)
def test_selftest_skips_where_the_host_lacks_its_feature(
    guest: BootedGuest, pvctl: Pvctl, name: str, feature: Feature
) -> None:
    rebind(guest, pvctl, ALL_FEATURES & ~feature)
    done = guest.run(f"/selftests/{name}")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, f"the host does not offer {feature.name}")


@pytest.mark.parametrize("name", ALL)
def test_selftest_skips_where_the_driver_is_not_bound(guest: BootedGuest, name: str) -> None:
    guest.write(f"{DRIVER}/unbind", NAME)
    done = guest.run(f"/selftests/{name}")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, "no device is bound")
    guest.rmmod("pvctl")
    done = guest.run(f"/selftests/{name}")
    assert (done.status, parse(done.stdout).skipped) == (SKIPPED, "the driver is not loaded")


def test_selftests_skip_on_qemu(guest_files: GuestFiles) -> None:
    programs = [f"/selftests/{name}" for name in ALL]
    arguments = f"console=ttyS0 quiet panic=-1 act=restart run={','.join(programs)}"
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
    rest = done.stdout[done.stdout.index("KTAP version 1") :]
    for program in programs:
        report, _, rest = rest.partition(f"init: {program} exited with {SKIPPED}\n")
        assert (program, parse(report).skipped) == (program, "no device is bound")

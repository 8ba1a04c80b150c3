# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that takes over from another finds the device as that one has left it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

import pytest
from binding import DEVICE, complaints
from programs import program

from paradrive.devices.pvctl import ALL_FEATURES, Command, Event
from paradrive.devicetree.node import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.outcome import PoweredOff, ResetLimit
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.initramfs import Entry, newc_archive

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest

#: Ten boots.
BUDGET = 100_000_000
ALL_EVENTS = Event.SHUTDOWN | Event.REBOOT | Event.CRASH


class Segment(NamedTuple):
    """A file of the guest, and the physical address at which the next kernel finds it."""

    name: str
    address: int
    contents: bytes


def entry_program(tree_address: int, entry: int) -> bytes:
    """Return the code that enters a kernel as ePAPR 1.1, section 5.4.1, wants it."""

    def load(register: int, value: int) -> list[int]:
        # lis, ori
        high = 0x3C00_0000 | register << 21 | value >> 16
        return [high, 0x6000_0000 | register << 21 | register << 16 | value & 0xFFFF]

    registers = {3: tree_address, 4: 0, 5: 0, 6: 0x45504150, 7: 64 << 20, 8: 0, 9: 0, 12: entry}
    words = [word for register, value in registers.items() for word in load(register, value)]
    # mtctr r12, bctr
    words += [0x7C09_03A6 | 12 << 21, 0x4E80_0420]
    return b"".join(word.to_bytes(4, "big") for word in words)


def segments_of_the_next_kernel(files: GuestFiles) -> list[Segment]:
    """Return what is to be loaded, the code to begin with last."""
    kernel = load_kernel(str(files.kernel))
    image = bytearray(max(segment.physical + len(segment.data) for segment in kernel.segments))
    for segment in kernel.segments:
        image[segment.physical : segment.physical + len(segment.data)] = segment.data
    initrd = Segment("initrd", 0x110_0000, files.initrd.read_bytes())
    tree = DeviceTree(files.dtb.read_bytes(), str(files.dtb))
    chosen = tree.chosen()
    chosen.set_string("bootargs", "console=ttyS0 run=/bin/agent panic=-1")
    chosen.set_cells("linux,initrd-start", [initrd.address])
    chosen.set_cells("linux,initrd-end", [initrd.address + len(initrd.contents)])
    blob = Segment("dtb", 0x100_0000, tree.to_fdt())
    entry = Segment("entry", 0x180_0000, entry_program(blob.address, kernel.entry))
    return [Segment("vmlinux", 0, bytes(image)), blob, initrd, entry]


@pytest.fixture(scope="session")
def built() -> GuestFiles:
    guest = ensure_guest("e500v2", fragments=("full",))
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)


@pytest.fixture(scope="session")
def segments(built: GuestFiles) -> list[Segment]:
    return segments_of_the_next_kernel(built)


@pytest.fixture(scope="session")
def guest_files(
    built: GuestFiles, segments: list[Segment], tmp_path_factory: pytest.TempPathFactory
) -> GuestFiles:
    """Return a guest that has the next kernel in its files."""
    regular = stat.S_IFREG | 0o755
    entries = [
        Entry("kexec", stat.S_IFDIR | 0o755),
        Entry("bin/kexec", regular, program("kexec", built, "full")),
        *(Entry(f"kexec/{segment.name}", regular, segment.contents) for segment in segments),
    ]
    initrd: Path = tmp_path_factory.mktemp("kexec") / "initramfs.cpio"
    # The kernel unpacks archives that stand one behind the other.
    initrd.write_bytes(built.initrd.read_bytes() + newc_archive(entries))
    return built._replace(initrd=initrd)


def start_kexec(guest: BootedGuest, segments: list[Segment]) -> None:
    files = [word for segment in segments for word in (f"/kexec/{segment.name}", f"{segment.address:x}")]
    guest.agent.start("/bin/kexec", f"{segments[-1].address:x}", *files)


def test_next_kernel_serves_no_request_to_the_one_before(
    guest: BootedGuest, pvctl: Pvctl, segments: list[Segment]
) -> None:
    start_kexec(guest, segments)
    guest.run_until(symbol="machine_kexec_mask_interrupts")
    assert pvctl.request(Event.SHUTDOWN | Event.REBOOT | Event.CRASH)
    guest.agent.connect(BUDGET)
    guest.run_until(instructions=1_000_000)
    assert guest.machine.resets == 0
    assert guest.console.count("init: pvctl bound to") == 1
    assert (pvctl.EVENT, pvctl.commands) == (0, [])
    assert (pvctl.enabled, pvctl.EVENT_MASK) == (ALL_FEATURES, ALL_EVENTS)
    assert complaints(guest) == []
    assert pvctl.request(Event.REBOOT)
    assert guest.machine.run(BUDGET, reset_limit=0) == ResetLimit(0)
    assert pvctl.commands == [Command.RESET()]


def test_next_kernel_negotiates_anew(guest: BootedGuest, pvctl: Pvctl, segments: list[Segment]) -> None:
    start_kexec(guest, segments)
    guest.run_until(symbol="machine_kexec")
    guest.agent.connect(BUDGET)
    assert guest.read(f"{DEVICE}/exit_code") == "0\n"
    assert guest.run("poweroff -c 7").outcome == PoweredOff(7)

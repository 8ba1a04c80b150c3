# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own virtio drivers, unmodified, work with the model's devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from programs import program

from paradrive.devices.virtio import VirtioBlk, VirtioConsole, VirtioP9, VirtioRng
from paradrive.devices.virtio.block import BlkFeature
from paradrive.devices.virtio.mmio import RING_PACKED
from paradrive.devices.virtio.rng import stream
from paradrive.guest.agent import RequestRefusedError
from paradrive.machine import saved_machine
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.trees import ensure_tree

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest

PAGE = 4096
#: Each page of the disk tells its number.
IMAGE = b"".join(number.to_bytes(4, "big") * (PAGE // 4) for number in range(64))
SHARED = Path(__file__).parent / "userland"


class Disk(VirtioBlk):
    """A disk that is small."""

    model_names = ("virtio-blk",)

    def __init__(self) -> None:
        super().__init__(IMAGE)


class Share(VirtioP9):
    """The sources of the tests' programs."""

    model_names = ("virtio-9p",)

    def __init__(self) -> None:
        super().__init__(SHARED)


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    """Return a guest whose kernel has the drivers, on a machine with the devices."""
    guest = ensure_guest("e500v2", fragments=("full",))
    return GuestFiles(guest.kernel, guest.initrd, ensure_tree("ppce500-virtio"), guest.modules)


@pytest.fixture(autouse=True)
def copy(guest: BootedGuest, guest_files: GuestFiles) -> None:
    guest.write("/bin/copy", program("copy", guest_files, "full"), 0o755)


def assert_no_complaints(guest: BootedGuest) -> None:
    """Nothing is wrong with what the drivers do, nor with what the devices do."""
    assert guest.machine.bus.guest_errors.entries == []
    assert guest.machine.warnings == []


# The entropy device


def test_guest_reads_what_the_rng_gives(guest: BootedGuest) -> None:
    rng = guest.device(VirtioRng)
    first = rng.position
    assert guest.run("copy /dev/hwrng /random 512 8").status == 0
    data = guest.agent.read("/random")
    assert len(data) == PAGE
    # The driver asks in advance: a buffer was filled at the boot.
    assert data in stream(b"paradrive", max(0, first - PAGE), 3 * PAGE)
    assert rng.position >= first + PAGE - 64
    assert_no_complaints(guest)


def test_runs_are_equal_and_another_seed_gives_others(guest: BootedGuest) -> None:
    rng = guest.device(VirtioRng)

    def act() -> tuple[bytes, int]:
        guest.run("copy /dev/hwrng /random 512 2")
        return guest.agent.read("/random"), guest.machine.clock.now()

    snapshot = guest.machine.snapshot()
    first = act()
    guest.machine.restore(snapshot)
    guest.agent.forget()
    assert act() == first
    guest.machine.restore(snapshot)
    guest.agent.forget()
    rng.seed = b"another"
    assert act()[0] != first[0]


# The block device


def test_guest_reads_the_image(guest: BootedGuest) -> None:
    assert guest.read("/sys/block/vda/size") == f"{len(IMAGE) // 512}\n"
    assert guest.read("/sys/block/vda/serial") == "paradrive"
    assert guest.run(f"copy /dev/vda /all {PAGE} {len(IMAGE) // PAGE}").status == 0
    assert guest.agent.read("/all") == IMAGE
    assert_no_complaints(guest)


def test_host_finds_what_the_guest_has_written(guest: BootedGuest) -> None:
    disk = guest.device(Disk).disk
    guest.write("/data", b"a page " * 1000)
    assert guest.run(f"copy /data /dev/vda {PAGE} 1").status == 0
    assert disk.read(0, PAGE) == (b"a page " * 1000)[:PAGE]
    assert disk.read(PAGE, PAGE) == IMAGE[PAGE : 2 * PAGE]
    guest.restore()
    assert disk.read(0, len(IMAGE)) == IMAGE
    assert_no_complaints(guest)


def test_disk_that_is_read_only_is_so_in_the_guest(
    guest: BootedGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, driver = guest.device(Disk), "/sys/bus/virtio/drivers/virtio_blk"
    assert guest.read("/sys/block/vda/ro") == "0\n"
    guest.write(f"{driver}/unbind", "virtio1")
    monkeypatch.setattr(disk, "features", disk.features | BlkFeature.RO)
    guest.write(f"{driver}/bind", "virtio1")
    assert guest.read("/sys/block/vda/ro") == "1\n"
    guest.write("/data", bytes(PAGE))
    assert guest.run(f"copy /data /dev/vda {PAGE} 1").status != 0


def test_driver_takes_packed_queues_where_they_are_offered(
    guest: BootedGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, driver = guest.device(Disk), "/sys/bus/virtio/drivers/virtio_blk"
    guest.write(f"{driver}/unbind", "virtio1")
    monkeypatch.setattr(disk, "offers_packed", True)
    guest.write(f"{driver}/bind", "virtio1")
    assert disk.has_feature(RING_PACKED)
    # Several times round the ring.
    assert guest.run("copy /dev/vda /all 512 512").status == 0
    assert guest.agent.read("/all") == IMAGE
    guest.write("/data", b"packed" * PAGE)
    assert guest.run(f"copy /data /dev/vda {PAGE} 2").status == 0
    assert disk.disk.read(0, 2 * PAGE) == (b"packed" * PAGE)[: 2 * PAGE]
    assert_no_complaints(guest)


def in_mid_request(guest: BootedGuest) -> Disk:
    """Let the guest write to its disk, up to when the device has a request and has not answered."""
    disk = guest.device(Disk)
    disk.delay = 60_000
    guest.write("/data", b"late" * PAGE)
    guest.agent.start("copy", "/data", "/dev/vda", str(PAGE), "1")
    guest.run_until(access=lambda access: access.register == "QUEUE_NOTIFY")
    guest.run_until(instructions=1_000)
    assert len(disk.in_flight) == 1
    return disk


def written(disk: Disk) -> bool:
    return disk.disk.read(0, PAGE) == b"late" * (PAGE // 4)


def test_restore_in_the_middle_of_a_request(guest: BootedGuest) -> None:
    disk = in_mid_request(guest)
    snapshot = guest.machine.snapshot()
    for _ in range(2):
        assert not written(disk)
        guest.machine.run(1_000_000, reset_limit=0)
        assert (written(disk), disk.in_flight) == (True, [])
        guest.machine.restore(snapshot)
        assert len(disk.in_flight) == 1


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_saved_guest_goes_on_in_the_middle_of_a_request(
    guest: BootedGuest, tmp_path: Path, engine: str
) -> None:
    disk = in_mid_request(guest)
    file = str(tmp_path / "guest")
    saved_machine.save(guest.machine, file)
    models = {"virtio-blk": Disk, "virtio-9p": Share}
    other = saved_machine.load(file, lambda byte: None, engine=engine, models=models)  # type: ignore[arg-type]
    (loaded,) = (device for device in other.devices.values() if isinstance(device, Disk))
    assert not written(loaded)
    for machine in (guest.machine, other):
        machine.run(120_000, reset_limit=0)
    assert written(disk)
    assert written(loaded)
    assert other.vcpu.state.architectural() == guest.machine.vcpu.state.architectural()
    other.destroy()


# The console


def test_console_prints_and_takes_what_is_typed(guest: BootedGuest) -> None:
    console = guest.device(VirtioConsole)
    guest.write("/dev/hvc0", "printed\n")
    guest.run_until(instructions=100_000)
    assert console.output == b"printed\r\n"
    reader = guest.agent.start("copy", "/dev/hvc0", "/typed", "64", "1")
    guest.run_until(instructions=1_000_000)
    console.receive(b"typed\n")
    assert reader.wait().status == 0
    assert guest.read("/typed") == "typed\n"
    assert_no_complaints(guest)


# A directory of the host


def test_guest_mounts_a_directory_of_the_host(guest: BootedGuest) -> None:
    guest.agent.mount("9p", "/lib/modules", source="host", options="trans=virtio,version=9p2000.L")
    for file in SHARED.iterdir():
        assert guest.agent.read(f"/lib/modules/{file.name}") == file.read_bytes()
    with pytest.raises(RequestRefusedError, match="EROFS"):
        guest.write("/lib/modules/new", "new")
    with pytest.raises(RequestRefusedError, match="ENOENT"):
        guest.read("/lib/modules/missing")
    assert_no_complaints(guest)

# SPDX-License-Identifier: GPL-2.0-or-later
"""What virtio devices written in Python deliver: random numbers and a disk, read 4 KiB at a time.

The same kernel and the same program on both: here with virtio-mmio, on QEMU's ppce500, which has none, with
virtio-pci. QEMU's random numbers are those of rng-builtin, and the disk is a file on both. The boot, which is
measured with the same program reading nothing, is subtracted. The kernel's driver asks for random numbers a
cache line (32 bytes) at a time, so that this is a measurement of requests.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive.devices.virtio import VirtioBlk
from paradrive.host.outputs import write_output
from paradrive_dev.bench.emulators import CPU, paradrive, qemu
from paradrive_dev.bench.process import BenchError, alternate, median_difference
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.configuration import KernelConfiguration
from paradrive_tools.guest_build.initramfs import Entry, ensure_program, newc_archive
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.trees import ensure_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_dev.bench.process import Program, Sample

SOURCE = Path(__file__).with_name("stream.c")
DISK = BUILD / "bench" / "disk.img"
DISK_SIZE = 8 << 20
REQUEST = 4096
FRAGMENTS = ("full",)
#: What is read, by the names of the figures, and how many requests take about a second.
STREAMS = {"rng": ("/dev/hwrng", 256), "blk": ("/dev/vda", 8192)}


class Disk(VirtioBlk):
    """The disk, as ``paradrive run --device`` takes it."""

    model_names = ("virtio-blk",)

    def __init__(self) -> None:
        super().__init__(DISK)


def measure(runs: int) -> dict[str, float]:
    """Return the MiB per second of each; BenchError or BuildError when that is not possible."""
    guest = ensure_guest(CPU, fragments=FRAGMENTS)
    files = ("--kernel", guest.kernel, "--initrd", with_program(guest.kernel, guest.initrd))
    machines = {"our": on_paradrive, "qemu's": on_qemu}
    programs = {f"{whose} start": run(files, "/dev/vda", 0) for whose, run in machines.items()}
    programs |= {
        f"{whose} {name}": run(files, device, requests)
        for name, (device, requests) in STREAMS.items()
        for whose, run in machines.items()
    }
    samples = alternate("reading from virtio devices", programs, runs)
    figures: dict[str, float] = {}
    for name, (_, requests) in STREAMS.items():
        ours, theirs = (
            speed(requests, samples[f"{whose} {name}"], samples[f"{whose} start"]) for whose in machines
        )
        figures |= {
            f"virtio.{name}_mib_s": ours,
            f"virtio.{name}_qemu_mib_s": theirs,
            f"virtio.{name}_mib_s.ratio": ours / theirs,
        }
    return figures


def with_program(kernel: Path, initrd: Path) -> Path:
    """Return the initramfs with the program that reads, and make the disk."""
    configuration = KernelConfiguration(CPU, FRAGMENTS).name
    program = ensure_program(configuration, kernel.parent, SOURCE)
    entry = Entry("bin/stream", stat.S_IFREG | 0o755, program.read_bytes())
    archive = BUILD / "bench" / "stream.cpio"
    archive.parent.mkdir(parents=True, exist_ok=True)
    write_output(str(archive), [initrd.read_bytes(), newc_archive([entry])])
    write_output(str(DISK), [bytes(range(256)) * (DISK_SIZE // 256)])
    return archive


def append(device: str, requests: int) -> str:
    """Return the kernel's arguments."""
    return f"run=/bin/stream stream={device} requests={requests} act=restart"


def on_paradrive(files: Sequence[str | Path], device: str, requests: int) -> Program:
    """Return the program on this model."""
    tree = ("--dtb", ensure_tree("ppce500-virtio"))
    model = f"virtio-blk={Disk.__module__}:{Disk.__qualname__}"
    prints = "/bin/stream exited with 0"
    return paradrive(*files, *tree, "--device", model, "--append", append(device, requests), prints=prints)


def on_qemu(files: Sequence[str | Path], device: str, requests: int) -> Program:
    """Return the program on QEMU."""
    devices = (
        *("-object", "rng-builtin,id=random", "-device", "virtio-rng-pci,rng=random"),
        *("-drive", f"file={DISK},format=raw,if=none,id=disk,readonly=on"),
        *("-device", "virtio-blk-pci,drive=disk"),
    )
    single = [str(word).replace("--", "-") if str(word).startswith("--") else word for word in files]
    prints = "/bin/stream exited with 0"
    return qemu(*single, *devices, "-append", append(device, requests), prints=prints)


def speed(requests: int, work: Sequence[Sample], start: Sequence[Sample]) -> float:
    """Return MiB per second, net of the start; BenchError if that is no time."""
    seconds = median_difference(work, start)
    if seconds <= 0:
        raise BenchError("the machine is too busy: to read took no longer than the start alone")
    return requests * REQUEST / (1 << 20) / seconds

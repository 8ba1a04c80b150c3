# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot: from the start of the process to the guest's own end.

Both emulators get the same kernel, initramfs and device tree. The tree is without pvctl, which QEMU does not
have, so that the guest executes the same on both and ends by the restart which the guts do.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from paradrive.devicetree.memory import set_memory_size
from paradrive.devicetree.node import DeviceTree
from paradrive.machine.boot import RNG_SEED
from paradrive_dev.bench.emulators import (
    CPU,
    MEMORY_MIB,
    count_instructions,
    paradrive,
    qemu,
    qemu_initrd_range,
)
from paradrive_dev.bench.process import alternate, median_seconds
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.run.terms import EXIT_ENDED

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive_tools.guest_build import GuestFiles

#: The kernel's last words.
RESTARTS = "reboot: Restarting system"
POWERS_OFF = "powered off through pvctl (SHUTDOWN, exit code 0)"


def measure(runs: int) -> dict[str, float]:
    """Return the figures of the boot; BenchError or BuildError when that is not possible."""
    guest = ensure_guest(CPU)
    tree = write_tree(guest, "act=restart", BUILD / "bench" / "boot.dtb")
    files = ("--kernel", guest.kernel, "--initrd", guest.initrd)
    ours = paradrive(*files, "--dtb", tree, prints=RESTARTS)
    samples = alternate(
        "booting",
        {
            "ours": ours,
            "qemu": qemu("-kernel", guest.kernel, "-initrd", guest.initrd, "-dtb", tree, prints=RESTARTS),
            "poweroff": paradrive(*files, "--dtb", guest.dtb, exit_status=EXIT_ENDED, prints=POWERS_OFF),
        },
        runs,
    )
    seconds, qemu_seconds = median_seconds(samples["ours"]), median_seconds(samples["qemu"])
    return {
        "boot.ratio": seconds / qemu_seconds,
        "boot.seconds": seconds,
        "boot.qemu_seconds": qemu_seconds,
        "boot.poweroff_seconds": median_seconds(samples["poweroff"]),
        "boot.instructions": count_instructions(ours),
        "boot.peak_rss_mib": median(sample.peak_rss_mib for sample in samples["ours"]),
    }


def write_tree(guest: GuestFiles, command_line: str, path: Path, memory_mib: int = MEMORY_MIB) -> Path:
    """Write the tree that both emulators boot, complete as a loader leaves it, to ``path``, and return that.

    It has no pvctl, and ``command_line`` for the kernel. QEMU passes on a tree that it is given as it is;
    ours enters its own place of the initrd.
    """
    tree = DeviceTree(guest.dtb.read_bytes(), str(guest.dtb))
    set_memory_size(tree, memory_mib << 20)
    for node in list(tree.root.walk()):
        if node.parent and "qemu,pvctl" in node.compatible:
            node.parent.children.remove(node)
    chosen = tree.chosen()
    chosen.set_string("bootargs", command_line)
    chosen.properties["rng-seed"] = RNG_SEED
    start, end = qemu_initrd_range(guest.kernel, guest.initrd, memory_mib)
    chosen.set_cells("linux,initrd-start", [start])
    chosen.set_cells("linux,initrd-end", [end])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tree.to_fdt())
    return path

# SPDX-License-Identifier: GPL-2.0-or-later
"""The same kernel, initramfs and device tree on QEMU and on the model: consoles, and accesses to devices.

Both get the tree without pvctl, which QEMU does not have; the guest ends by the restart of the guts. QEMU
passes on a tree that it is given as it is, so it gets the one which the model has completed, and the
initramfs goes where that says.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from bare_metal import MEMORY_MIB, QEMU, TIME_LIMIT, require

from paradrive.machine.boot import Initrd
from paradrive.machine.devicetree import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive.devices.bus import MmioAccess
    from paradrive_tools.guest_build import GuestFiles

COMMAND_LINE = "act=restart"
#: Ten boots.
BUDGET = 100_000_000

_ACCESS_OF_QEMU = re.compile(
    r"memory_region_ops_(?P<what>read|write) .* "
    r"addr (?P<address>0x\w+) value (?P<value>0x\w+) size (?P<size>\d+)"
)


class Access(NamedTuple):
    """One access to a device, by its physical address."""

    address: int
    size: int
    is_write: bool
    value: int


class Record(NamedTuple):
    """What one run has shown."""

    console: str
    accesses: list[Access]


def tree_for(guest: GuestFiles) -> DeviceTree:
    """Return the tree of what both emulators have."""
    tree = DeviceTree(guest.dtb.read_bytes(), guest.dtb.name)
    for node in list(tree.root.walk()):
        if node.parent and "qemu,pvctl" in node.compatible:
            node.parent.children.remove(node)
    return tree


def run_on_model(guest: GuestFiles, cpu: str, blob: Path) -> Record:
    """Run the guest to its end, and write the tree that it has got to ``blob``."""
    console = bytearray()
    accesses: list[Access] = []

    def record(access: MmioAccess) -> None:
        accesses.append(Access(access.address, access.size, access.is_write, access.value))

    tree = tree_for(guest)
    machine = machine_for(guest, cpu, tree, console)
    blob.write_bytes(tree.to_blob())
    machine.bus.trace = record
    machine.run(BUDGET, reset_limit=0)
    machine.destroy()
    return Record(console.decode("ascii"), accesses)


def machine_for(guest: GuestFiles, cpu: str, tree: DeviceTree, console: bytearray) -> Machine:
    """Return the model that is about to boot the guest, and complete the tree."""
    configuration = Configuration(
        tree,
        load_kernel(str(guest.kernel)),
        Initrd(guest.initrd.name, guest.initrd.read_bytes()),
        cpu=cpu,
        memory_size=MEMORY_MIB << 20,
        command_line=COMMAND_LINE,
    )
    return Machine(configuration, console.append)


def run_on_qemu(guest: GuestFiles, cpu: str, blob: Path) -> Record:
    """Run the guest with the tree in ``blob``, where one instruction takes 1 ns as on the model."""
    require(QEMU, "qemu-system-ppc")
    trace = blob.with_suffix(".trace")
    chosen = DeviceTree(blob.read_bytes(), blob.name).chosen()
    initrd = f"loader,file={guest.initrd},addr={chosen.cell('linux,initrd-start'):#x},force-raw=on"
    machine = ("-M", "ppce500", "-cpu", cpu, "-m", str(MEMORY_MIB), "-nic", "none", "-icount", "shift=0")
    # The second UART exists only if something is connected to it.
    host = ("-display", "none", "-monitor", "none", "-serial", "stdio", "-serial", "null", "-no-reboot")
    images = ("-kernel", str(guest.kernel), "-device", initrd, "-dtb", str(blob))
    tracing = ("-d", "trace:memory_region_ops_*", "-D", str(trace))
    run = subprocess.run(
        [QEMU, *machine, *host, *images, *tracing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=TIME_LIMIT,
        check=True,
    )
    return Record(run.stdout.decode("ascii"), _accesses_of_qemu(trace.read_text(encoding="utf-8")))


def _accesses_of_qemu(trace: str) -> list[Access]:
    return [
        Access(
            int(found["address"], 16), int(found["size"]), found["what"] == "write", int(found["value"], 16)
        )
        for found in _ACCESS_OF_QEMU.finditer(trace)
    ]

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

from paradrive.devicetree.node import DeviceTree
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive.devices.bus import MmioAccess
    from paradrive_tools.guest_build import GuestFiles

COMMAND_LINE = "act=restart"
#: Where the chip's registers begin.
CCSR = {"ppce500": 0xF_E000_0000, "mpc8544ds": 0xE000_0000}
#: Ten boots.
BUDGET = 100_000_000

_ACCESS_OF_QEMU = re.compile(
    r"memory_region_ops_(?P<what>read|write) .* "
    r"addr (?P<address>0x\w+) value (?P<value>0x\w+) size (?P<size>\d+)"
)


class Access(NamedTuple):
    """One access to a device; ``offset`` counts from the beginning of CCSR."""

    offset: int
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


class System(NamedTuple):
    """What is run: a machine and its CPU."""

    machine: str
    cpu: str

    @property
    def guest(self) -> GuestFiles:
        """What it boots."""
        return ensure_guest(self.cpu, machine=self.machine)


def run_on_model(system: System, blob: Path) -> Record:
    """Run the guest to its end, and write the tree that it has got to ``blob``."""
    console = bytearray()
    accesses: list[Access] = []

    def record(access: MmioAccess) -> None:
        offset = access.address - CCSR[system.machine]
        accesses.append(Access(offset, access.size, access.is_write, access.value))

    tree = tree_for(system.guest)
    machine = machine_for(system, tree, console)
    blob.write_bytes(tree.to_fdt())
    machine.bus.trace = record
    machine.run(BUDGET, reset_limit=0)
    machine.destroy()
    return Record(console.decode("ascii"), accesses)


def machine_for(system: System, tree: DeviceTree, console: bytearray) -> Machine:
    """Return the model that is about to boot the guest, and complete the tree."""
    guest = system.guest
    configuration = Configuration(
        tree,
        load_kernel(str(guest.kernel)),
        Initrd(guest.initrd.name, guest.initrd.read_bytes()),
        machine=system.machine,
        cpu=system.cpu,
        memory_size=MEMORY_MIB << 20,
        command_line=COMMAND_LINE,
    )
    return Machine(configuration, console.append)


def run_on_qemu(system: System, blob: Path) -> Record:
    """Run the guest with the tree in ``blob``, where one instruction takes 1 ns as on the model."""
    require(QEMU, "qemu-system-ppc")
    guest = system.guest
    trace = blob.with_suffix(".trace")
    chosen = DeviceTree(blob.read_bytes(), blob.name).chosen()
    initrd = f"loader,file={guest.initrd},addr={chosen.cell('linux,initrd-start'):#x},force-raw=on"
    machine = ("-M", system.machine, "-cpu", system.cpu, "-m", str(MEMORY_MIB), "-nic", "none")
    # The second UART exists only if something is connected to it.
    host = ("-display", "none", "-monitor", "none", "-serial", "stdio", "-serial", "null", "-no-reboot")
    images = ("-kernel", str(guest.kernel), "-device", initrd, "-dtb", str(blob))
    tracing = ("-icount", "shift=0", "-d", "trace:memory_region_ops_*", "-D", str(trace))
    run = subprocess.run(
        [QEMU, *machine, *host, *images, *tracing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=TIME_LIMIT,
        check=True,
    )
    return Record(
        run.stdout.decode("ascii"), _accesses_of_qemu(trace.read_text(encoding="utf-8"), CCSR[system.machine])
    )


def _accesses_of_qemu(trace: str, ccsr: int) -> list[Access]:
    return [
        Access(
            int(found["address"], 16) - ccsr,
            int(found["size"]),
            found["what"] == "write",
            int(found["value"], 16),
        )
        for found in _ACCESS_OF_QEMU.finditer(trace)
    ]

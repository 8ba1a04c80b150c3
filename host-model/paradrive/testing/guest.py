# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest as a test sees it: its machine, its console, its devices by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.node import DeviceTree
from paradrive.guest.console import Console
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.testing.device_faults import DeviceFaults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from paradrive.machine.device_models import Model
    from paradrive.machine.outcome import Outcome

#: Twenty boots: what a test may take before it has failed.
DEFAULT_BUDGET = 200_000_000


class GuestFiles(NamedTuple):
    """What a guest is made of: an ELF kernel, an initramfs and a flattened device tree.

    ``modules`` are modules of the initramfs with the debugging information that the guest does without:
    with them, a report tells source lines.
    """

    kernel: Path
    initrd: Path
    dtb: Path
    modules: tuple[Path, ...] = ()


class Guest(DeviceFaults):
    """A machine that is about to enter its kernel; ``run`` boots it.

    ``append`` are kernel arguments; ``tree`` an fdt in place of the file's; ``models`` device
    models of one's own: classes, or functions that connect one, by ``compatible`` string.
    What the devices offer may be changed before ``run``: ``guest.pvctl.VERSION = 2 << 16``.
    """

    def __init__(
        self,
        files: GuestFiles,
        *,
        append: str = "",
        tree: bytes | None = None,
        machine: str = "ppce500",
        cpu: str = "e500v2",
        models: Mapping[str, Model] | None = None,
    ) -> None:
        super().__init__()
        self._console = Console()
        self.tree = DeviceTree(files.dtb.read_bytes() if tree is None else tree, str(files.dtb))
        self.machine = Machine(
            Configuration(
                tree=self.tree,
                kernel=load_kernel(str(files.kernel)),
                initrd=Initrd(str(files.initrd), files.initrd.read_bytes()),
                machine=machine,
                cpu=cpu,
                command_line=append,
                models=models or {},
            ),
            self._console.transmit,
        )

    def run(self, budget: int = DEFAULT_BUDGET, *, reset_limit: int = 0) -> Outcome:
        """Run until the guest ends, or ``budget`` instructions have been executed; return how it ended."""
        return self.machine.run(budget, reset_limit=reset_limit)

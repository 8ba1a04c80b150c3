# SPDX-License-Identifier: GPL-2.0-or-later
"""The two emulators that are compared: their command lines for the same machine, ppce500 with e500v2."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import read_input
from paradrive_dev.bench.process import BenchError, Program, sample
from paradrive_tools.run.terms import EXIT_RESET_LIMIT

CPU = "e500v2"
QEMU = "qemu-system-ppc"
QEMU_PACKAGE = "qemu-system-ppc"
#: QEMU leaves 32 MiB between kernel and initrd, and another 32 MiB before: 64 MiB would be too small.
MEMORY_MIB = 128
#: QEMU's blobs have this size however little is in them (FDT_MAX_SIZE).
_QEMU_BLOB_SIZE = 1 << 20


def require_qemu() -> None:
    """Raise BenchError unless QEMU is there."""
    if shutil.which(QEMU) is None:
        raise BenchError(f"{QEMU} is not installed: install the Debian package {QEMU_PACKAGE}")


def paradrive(*options: str | Path, exit_status: int = EXIT_RESET_LIMIT, prints: str = "") -> Program:
    """Return a run of ``paradrive run``, which ends when the guest resets itself unless told otherwise."""
    # The command which users have, which is installed beside the interpreter.
    executable = str(Path(sys.executable).with_name("paradrive"))
    common = ("--cpu", CPU, "--reset-limit", "0")
    return Program((executable, "run", *common, *map(str, options)), exit_status, prints)


def qemu(
    *options: str | Path,
    machine: str = "ppce500",
    prints: str = "",
    reboots: bool = False,
    memory_mib: int = MEMORY_MIB,
) -> Program:
    """Return a run of QEMU, which ends when the guest resets itself unless it then ``reboots``."""
    common = ("-M", machine, "-cpu", CPU, "-m", str(memory_mib), "-nographic", "-nic", "none")
    ends = () if reboots else ("-no-reboot",)
    return Program((QEMU, *common, *ends, *map(str, options)), 0, prints)


def count_instructions(program: Program) -> int:
    """Return how many instructions the guest of a ``paradrive`` program executes: always the same number."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "run.json"
        sample(program._replace(command=(*program.command, "--json", str(report))))
        return int(json.loads(report.read_text(encoding="utf-8"))["instructions"])


def qemu_initrd_range(kernel: Path, initrd: Path, memory_mib: int = MEMORY_MIB) -> tuple[int, int]:
    """Return the physical addresses of the initrd's first byte and behind its last one, where QEMU puts it.

    Only the trees that QEMU generates tell, not those which it is given.
    """
    with tempfile.TemporaryDirectory() as directory:
        dump = str(Path(directory) / "qemu.dtb")
        files = ("-kernel", kernel, "-initrd", initrd)
        sample(qemu(*files, machine=f"ppce500,dumpdtb={dump}", memory_mib=memory_mib))
        chosen = DeviceTree(read_input(dump, _QEMU_BLOB_SIZE), "QEMU's device tree").chosen()
    return chosen.cells("linux,initrd-start")[0], chosen.cells("linux,initrd-end")[0]

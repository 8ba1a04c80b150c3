# SPDX-License-Identifier: GPL-2.0-or-later
"""The bare-metal programs: built when they have changed, and run on QEMU and on the model."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive_tools.guest_build.cache import locked
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD

if TYPE_CHECKING:
    from typing import Literal

HERE = Path(__file__).resolve().parent
TREES = {"e500v2": "ppce500.dts", "e500mc": "ppce500-e500mc.dts"}
COMPILER, QEMU = "powerpc-linux-gnu-gcc", "qemu-system-ppc"
MEMORY_MIB = 128
#: Several times what the longest program executes.
BUDGET = 5_000_000
TIME_LIMIT = 60

#: gcc 12 has no e500v2; 8540 is its predecessor.
_CPU_OPTIONS = {"e500v2": ("-mcpu=8540", "-DE500V2"), "e500mc": ("-mcpu=e500mc", "-DE500MC")}
_OPTIONS = (
    *("-Wa,-me500mc", "-msoft-float", "-O1", "-Wall", "-Wno-main", "-ffreestanding", "-fno-pic"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-nostdlib", "-static"),
    *(f"-I{HERE / 'runtime'}", f"-Wl,-T{HERE / 'runtime' / 'link.ld'}", "-Wl,--build-id=none"),
    "-Wl,--no-warn-rwx-segments",
)


def require(command: str, package: str) -> None:
    """Skip the test where a command is missing."""
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed (Debian package {package})")


@cache
def build(program: Path, cpu: str) -> Path:
    """Compile and link a program with the runtime if need be, and return its ELF file."""
    require(COMPILER, "gcc-powerpc-linux-gnu")
    elf = BUILD / "baremetal" / f"{program.stem}-{cpu}.elf"
    runtime = sorted((HERE / "runtime").iterdir())
    sources = [str(source) for source in (*runtime, program) if source.suffix in (".c", ".S")]
    command = [COMPILER, *_CPU_OPTIONS[cpu], *_OPTIONS, "-o", str(elf), *sources, "-lgcc"]
    elf.parent.mkdir(parents=True, exist_ok=True)
    with locked(elf.with_suffix(".lock"), elf.name):
        refresh(elf, (program, *runtime, Path(__file__)), lambda: subprocess.run(command, check=True))
    return elf


@cache
def output_of_qemu(elf: Path, cpu: str) -> str:
    """Return what a program prints on QEMU, where one instruction takes 1 ns as on the model."""
    require(QEMU, "qemu-system-ppc")
    machine = ("-M", "ppce500", "-cpu", cpu, "-m", str(MEMORY_MIB), "-nic", "none", "-icount", "shift=0")
    # The second UART exists only if something is connected to it.
    host = ("-display", "none", "-monitor", "none", "-serial", "stdio", "-serial", "null", "-no-reboot")
    run = subprocess.run(
        [QEMU, *machine, *host, "-kernel", str(elf)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=TIME_LIMIT,
        check=True,
    )
    return run.stdout.decode("ascii")


@cache
def _tree(cpu: str) -> bytes:
    require("dtc", "device-tree-compiler")
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", str(HERE.parents[1] / "dts" / TREES[cpu])]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def machine_for(
    elf: Path,
    cpu: str,
    engine: Literal["compiled", "reference"],
    console: bytearray,
    memory_mib: int = MEMORY_MIB,
) -> Machine:
    """Return a ppce500 that is about to enter a program; what it prints is appended to ``console``."""
    configuration = Configuration(
        DeviceTree(_tree(cpu), TREES[cpu]),
        load_kernel(str(elf)),
        cpu=cpu,
        engine=engine,
        memory_size=memory_mib << 20,
    )
    return Machine(configuration, console.append)


def output_of_model(elf: Path, cpu: str, engine: Literal["compiled", "reference"]) -> str:
    """Return what a program prints on the model, and behind it how it ended."""
    console = bytearray()
    machine = machine_for(elf, cpu, engine, console)
    outcome = machine.run(BUDGET, reset_limit=0)
    machine.destroy()
    return console.decode("ascii") + f"{type(outcome).__name__}\n"

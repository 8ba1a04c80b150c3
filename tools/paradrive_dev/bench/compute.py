# SPDX-License-Identifier: GPL-2.0-or-later
"""The speed of computing: the integer work of ``workload/`` on a bare machine, with the MMU on.

Starting a process and a machine is not computing. What it takes, on either emulator, is measured with the
same program doing one round, and subtracted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive_dev.bench.emulators import CPU, count_instructions, paradrive, qemu
from paradrive_dev.bench.process import BenchError, alternate, median_difference
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.guest_build.cache import locked
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.tools import CROSS_COMPILER, run, tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_dev.bench.process import Program, Sample

WORKLOAD = Path(__file__).with_name("workload")
#: Some 900 million instructions: seconds, so that the start of a process hardly counts.
ROUNDS = 64
_FLAGS = (
    "-Wall",
    "-Wextra",
    "-Werror",
    "-O2",
    # The instructions that all PowerPC cores have in common.
    "-mcpu=powerpc",
    "-msoft-float",
    "-ffreestanding",
    # Loops that copy shall stay what they are.
    "-fno-builtin",
    "-fno-pic",
    "-no-pie",
    "-nostdlib",
    "-static",
    "-Wl,-Ttext=0x10000",
    "-Wl,-z,max-page-size=4096",
    "-Wl,--build-id=none",
)


def measure(runs: int) -> dict[str, float]:
    """Return the figures of the work; BenchError or BuildError when that is not possible."""
    single, full = build(1), build(ROUNDS)
    samples = alternate(
        "computing",
        {
            "our start": on_paradrive(single),
            "our work": on_paradrive(full),
            "qemu's start": qemu("-kernel", single),
            "qemu's work": qemu("-kernel", full),
        },
        runs,
    )
    check_results(samples["our work"], samples["qemu's work"])
    instructions = count_instructions(on_paradrive(full)) - count_instructions(on_paradrive(single))
    ours = mips(instructions, samples["our work"], samples["our start"])
    theirs = mips(instructions, samples["qemu's work"], samples["qemu's start"])
    return {
        "compute.ratio": ours / theirs,
        "compute.mips": ours,
        "compute.qemu_mips": theirs,
        "compute.instructions": instructions,
    }


def build(rounds: int) -> Path:
    """Return the program that does so many rounds, an ELF file, building it if need be.

    Raises BuildError when the compiler is missing or fails.
    """
    program = BUILD / "bench" / f"work-{rounds}.elf"
    sources = sorted(WORKLOAD.glob("*.[cS]"))
    command = [CROSS_COMPILER, *_FLAGS, f"-DROUNDS={rounds}", "-o", str(program), *map(str, sources)]
    inputs = (*sources, *WORKLOAD.glob("*.h"), tool(CROSS_COMPILER))

    def compile_work() -> None:
        run(command, purpose="the work to compute")

    with locked(program.with_suffix(".lock"), program.name):
        refresh(program, inputs, compile_work, recipe=command)
    return program


def on_paradrive(program: Path) -> Program:
    """Return the program on this model, with the project's tree and no initrd."""
    return paradrive("--kernel", program, "--initrd", os.devnull, "--dtb", ensure_guest(CPU).dtb)


def result(sample: Sample) -> str:
    """Return the line of checksums that the program printed."""
    return sample.output.partition("\n")[0].strip()


def check_results(ours: Sequence[Sample], theirs: Sequence[Sample]) -> None:
    """Raise BenchError unless all runs came to the same result."""
    results = {result(sample) for sample in (*ours, *theirs)}
    if len(results) != 1 or not all(results):
        raise BenchError(f"the work's results differ: {result(ours[0])!r}, with QEMU {result(theirs[0])!r}")


def mips(instructions: int, work: Sequence[Sample], start: Sequence[Sample]) -> float:
    """Return the millions of instructions per second, net of the start; BenchError if that is no time."""
    seconds = median_difference(work, start)
    if seconds <= 0:
        raise BenchError("the machine is too busy: the work took no longer than the start alone")
    return instructions / seconds / 1e6

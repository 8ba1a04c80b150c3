# SPDX-License-Identifier: GPL-2.0-or-later
"""A hard-float glibc program in the guest: the core's FPU, and the kernel's emulation where there is none."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

QEMU = shutil.which("qemu-ppc") or ""


def output_in_guest(boot: Boot, cpu: str) -> list[str]:
    """Return the lines that the program prints before it exits, with 42, and the guest powers off."""
    guest = boot(cpu=cpu, append="run=/program act=poweroff")
    assert guest.run() == PoweredOff(0)
    lines = guest.console.replace("\r", "").splitlines()
    first = lines.index("init: pvctl bound to f00000000.pvctl") + 1
    return lines[first : lines.index("init: /program exited with 42")]


@pytest.mark.skipif(not QEMU, reason="qemu-ppc is not installed")
def test_program_prints_in_the_guest_what_it_prints_on_qemu(boot: Boot, cpu: str, program: Path) -> None:
    # QEMU's e500v2 has no floating point, and no kernel under it that emulates one.
    run = subprocess.run([QEMU, "-cpu", "e500mc", program], stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 42
    expected, printed = run.stdout.splitlines(), output_in_guest(boot, cpu)
    if cpu == "e500v2":
        # The kernel's emulation rounds the product as well (arch/powerpc/math-emu/fmadd.c).
        expected, printed = ([line for line in lines if "fused" not in line] for lines in (expected, printed))
    assert printed == expected


def test_fused_multiply_add_rounds_once(boot: Boot, cpu: str) -> None:
    fused = "fused: -3.5460463716703309e-16" in output_in_guest(boot, cpu)
    assert fused is (cpu == "e500mc")


def test_only_the_core_without_floating_point_traps_for_it(boot: Boot, cpu: str) -> None:
    guest = boot(cpu=cpu, append="run=/program act=poweroff")
    guest.run()
    assert bool(guest.machine.vcpu.unimplemented) is (cpu == "e500v2")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny guests: machines whose kernel is a program in assembly text, on the reference engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive.machine.outcome import Outcome
    from paradrive.machine.run_loop import Host

PVCTL = "/platform@f00000000/pvctl@0"
#: A program that waits for an interrupt which never comes: HID0[NAP], then MSR[WE].
IDLE = "lis 3, 0x40 ; mtspr 1008, 3 ; lis 3, 4 ; mtmsr 3 ; isync ; b ."


class Boot(Protocol):
    def __call__(self, program: str, tree: bytes | None = None, **options: object) -> Machine: ...


@pytest.fixture
def boot(assemble: Callable[[str], Path], map_devices: str, ppce500: bytes) -> Boot:
    """Return what makes a machine whose kernel is a program, with a list of what it prints in ``printed``."""

    def boot_program(program: str, tree: bytes | None = None, **options: object) -> Machine:
        printed = bytearray()
        configuration = Configuration(
            DeviceTree(tree or ppce500, "test.dtb"),
            load_kernel(str(assemble(map_devices + program))),
            **{"engine": "reference"} | options,  # type: ignore[arg-type]
        )
        machine = Machine(configuration, printed.append)
        machine.printed = printed  # type: ignore[attr-defined]
        return machine

    return boot_program


def run(machine: Machine, *, budget: int = 20_000, reset_limit: int = 0, host: Host | None = None) -> Outcome:
    return machine.run(budget, reset_limit=reset_limit, host=host)


def printed_by(machine: Machine) -> bytes:
    return bytes(machine.printed)  # type: ignore[attr-defined]

# SPDX-License-Identifier: GPL-2.0-or-later
"""An MPIC as a driver and the lines around it see it."""

from __future__ import annotations

import pytest

from paradrive.cpu.clock import Clock
from paradrive.devices.mpic import Mpic

BRR1, FRR, GCR, VIR, PIR, IPIVPR, SVR = 0x0, 0x1000, 0x1020, 0x1080, 0x1090, 0x10A0, 0x10E0
GTCCR, GTBCR, GTVPR, GTDR = 0x1100, 0x1110, 0x1120, 0x1130
IPIDR, CTPR, WHOAMI, IACK, EOI = 0x40, 0x80, 0x90, 0xA0, 0xB0
MASK, ACTIVITY, POLARITY, SENSE = 1 << 31, 1 << 30, 1 << 23, 1 << 22
RESET, EXTERNAL_PROXY, MIXED = 1 << 31, 3 << 29, 1 << 29
SPURIOUS = 0xFFFF
NANOSECONDS_PER_TICK = 40

UART, DISK = 42, 43
PIN = 3


class Controller:
    """An MPIC with a settable clock, the levels of its outputs, and the accesses of a driver."""

    def __init__(self, cpus: int = 1, **options: object) -> None:
        self.time = 0
        self.clock = Clock()
        self.clock.read = lambda: self.time
        self.outputs = [False] * cpus
        self.changes = 0
        self.current_cpu = 0
        self.cores_reset: list[int] = []
        self.mpic = Mpic(
            self.clock,
            [self.output(cpu) for cpu in range(cpus)],
            current_cpu=lambda: self.current_cpu,
            reset_core=self.cores_reset.append,
            **options,  # type: ignore[arg-type]
        )
        for cpu in range(cpus):
            self.to_cpu(cpu, CTPR, 0)

    def output(self, cpu: int):  # type: ignore[no-untyped-def]
        def set_level(level: bool) -> None:
            self.outputs[cpu] = level
            self.changes += 1

        return set_level

    def __getitem__(self, offset: int) -> int:
        return self.mpic.read(offset, 4)

    def __setitem__(self, offset: int, value: int) -> None:
        self.mpic.write(offset, 4, value)

    def to_cpu(self, cpu: int, register: int, value: int) -> None:
        self[0x20000 + cpu * 0x1000 + register] = value

    def of_cpu(self, cpu: int, register: int) -> int:
        return self[0x20000 + cpu * 0x1000 + register]

    def program(self, source: int, priority: int, vector: int, *, cpus: int = 1, bits: int = 0) -> None:
        self[idr(source)] = cpus
        self[ivpr(source)] = bits | priority << 16 | vector

    def advance(self, nanoseconds: int) -> None:
        self.time += nanoseconds
        self.clock.run_due(self.time)


def ivpr(source: int) -> int:
    return 0x10000 + 0x20 * source


def idr(source: int) -> int:
    return ivpr(source) + 0x10


@pytest.fixture
def pic() -> Controller:
    return Controller()


@pytest.fixture
def smp() -> Controller:
    return Controller(cpus=2)

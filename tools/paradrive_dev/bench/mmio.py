# SPDX-License-Identifier: GPL-2.0-or-later
"""What devices written in Python cost: an access from guest code, and one of theirs to guest memory.

A loop of accesses, less the same loop without them, on the compiled engine in this process.
"""

from __future__ import annotations

import time
from statistics import median

from paradrive.cpu.clock import Clock
from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.vcpu import RunExit, Vcpu
from paradrive.devices.bus import Bus
from paradrive.devices.dma import Dma
from paradrive.devices.ram import Ram
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register
from paradrive_dev.bench.emulators import CPU
from paradrive_dev.bench.process import BenchError
from paradrive_tools.guest_build.progress import progress

ACCESSES = 100_000
#: What a device writes: the bytes of a small packet, to a page of data.
DMA_SIZE, DMA_ADDRESS = 64, 0x8_0000
RAM_SIZE = 0x10_0000
DEVICE_BASE, DEVICE_SIZE = 0x20_0000, 0x1000
#: One entry for RAM and device: 4 MiB from 0.
MAPPED_SIZE = 0x40_0000
_ALL_PERMISSIONS = 0b111111

#: The instruction that makes the difference between the loops; each loop starts on a page of its own.
LOOPS = {
    "nothing": 0x6000_0000,  # nop
    "read": 0x8083_0000,  # lwz r4,0(r3)
    "write": 0x9083_0000,  # stw r4,0(r3)
}
_BRANCH_BACK = 0x4200_FFFC  # bdnz .-4
_LOOP_INSTRUCTIONS = 2


class CountingDevice(RegisterDevice):
    """A device as its author writes one: a register with a method for either direction."""

    VALUE = Register(0x0, RW, "Counts its accesses.")

    def __init__(self) -> None:
        super().__init__()
        self.accesses = 0

    @VALUE.on_read
    def _read_value(self) -> int:
        self.accesses += 1
        return self.VALUE

    @VALUE.on_write
    def _write_value(self, value: int) -> None:
        self.accesses += 1
        self.VALUE = value


class Target:
    """A core with RAM and the device."""

    def __init__(self) -> None:
        self.device = CountingDevice()
        self._ram = Ram(0, RAM_SIZE)
        self.memory = Dma(bus := Bus(), lambda address, size: self._vcpu.memory_written(address, size))
        bus.map_memory(self._ram)
        bus.map_device(DEVICE_BASE, DEVICE_SIZE, self.device)
        self._vcpu = Vcpu(CPU_MODELS[CPU], bus, Clock())
        self._vcpu.mmu.tlb1[0] = TlbEntry(
            epn=0, rpn=0, size=MAPPED_SIZE, valid=True, permissions=_ALL_PERMISSIONS
        )
        self._starts = {}
        for number, (name, instruction) in enumerate(LOOPS.items()):
            start = self._starts[name] = number * PAGE_SIZE
            for offset, word in ((0, instruction), (4, _BRANCH_BACK)):
                self._ram.contents[start + offset : start + offset + 4] = word.to_bytes(4, "big")

    def seconds(self, name: str, turns: int) -> float:
        """Return the time that so many turns of a loop take; BenchError when it does something else."""
        state = self._vcpu.state
        state.pc = self._starts[name]
        state.ctr = turns
        state.gpr[3] = DEVICE_BASE
        self.device.accesses = 0
        started = time.perf_counter()
        ended = self._vcpu.run(turns * _LOOP_INSTRUCTIONS)
        seconds = time.perf_counter() - started
        expected = 0 if name == "nothing" else turns
        if ended is not RunExit.BUDGET or state.ctr or self.device.accesses != expected:
            raise BenchError(f"the loop of device accesses made {self.device.accesses}, not {expected}")
        return seconds

    def dma_seconds(self, turns: int) -> float:
        """Return the time that so many writes of a device to the guest's memory take."""
        write, data = self.memory.write, bytes(DMA_SIZE)
        nothing = data.startswith
        started = time.perf_counter()
        for _ in range(turns):
            nothing(data)
        ended = time.perf_counter()
        for _ in range(turns):
            write(DMA_ADDRESS, data)
        return time.perf_counter() - ended - (ended - started)


def measure(runs: int) -> dict[str, float]:
    """Return the microseconds of accesses; BenchError when the loops do something else."""
    target = Target()
    seconds: dict[str, list[float]] = {name: [] for name in LOOPS}
    for name in LOOPS:  # once before it counts: this decodes them
        target.seconds(name, 1)
    with progress("accessing a device", runs) as advance:
        for _ in range(runs):
            for name in LOOPS:
                seconds[name].append(target.seconds(name, ACCESSES))
            advance(1)
    dma = median(target.dma_seconds(ACCESSES) for _ in range(runs))
    return {"dma.write_us": dma / ACCESSES * 1e6} | {
        f"mmio.{name}_us": median(
            (loop - empty) / ACCESSES * 1e6
            for loop, empty in zip(seconds[name], seconds["nothing"], strict=True)
        )
        for name in ("read", "write")
    }

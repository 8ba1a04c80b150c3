# SPDX-License-Identifier: GPL-2.0-or-later
"""The Freescale MPIC (Open PIC): the registers of the interrupt controller.

Source: Freescale MPC8544E Reference Manual, chapter "Programmable Interrupt Controller"; Open PIC Register
Interface Specification 1.2; numbers of sources, revisions and reset values as QEMU's models of MPIC
2.0 and 4.2. Not modelled: message and shared message-signalled interrupts, critical interrupt outputs,
timer control (cascading). ``mpic_arbiter`` decides what interrupts, ``mpic_timer`` counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from paradrive.devices.device import State, saved_integers
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.mpic_arbiter import Arbiter, Source, VectorPriority
from paradrive.devices.mpic_timer import GlobalTimer
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, WO, Fields, Register, RegisterArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paradrive.cpu.clock import Clock

# Source numbers: sixteen external pins, the chip's own devices, then what the MPIC itself makes.
EXTERNAL_SOURCES = 16
SOURCES = 256
IPIS = 4
TIMERS = 8
FIRST_IPI = SOURCES
FIRST_TIMER = FIRST_IPI + IPIS
ALL_SOURCES = FIRST_TIMER + TIMERS

MAX_CPUS = 32
OPEN_PIC_1_2 = 0x02
HIGHEST_PRIORITY = 15
#: The hardware divides a clock of the board; 25 MHz as in QEMU.
TIMER_FREQUENCY = 25_000_000
# What every vector/priority register lets the guest change.
PROGRAMMABLE = VectorPriority.MASK | VectorPriority.PRIORITY | VectorPriority.VECTOR


class GlobalConfiguration(Fields):
    """Bits of GCR."""

    RESET = 0x80000000
    MODE = 0x60000000
    MODE_MIXED = 0x20000000
    MODE_EXTERNAL_PROXY = 0x60000000


@dataclass(frozen=True, slots=True)
class MpicModel:
    """What distinguishes the revisions: block revision, number of sources reported, and modes."""

    block_revision: int
    sources_reported: int
    modes: int


MPIC_2_0 = MpicModel(0x00400200, 80, GlobalConfiguration.MODE_MIXED)
MPIC_4_2 = MpicModel(0x00400402, 196, GlobalConfiguration.MODE_EXTERNAL_PROXY)


class Mpic(RegisterDevice):
    """The controller; implements ``paradrive.cpu.ports.InterruptController``.

    ``outputs`` has for each CPU what is called with the level of its external interrupt input.
    ``current_cpu`` tells whose access it is at the offsets where each CPU finds its own registers;
    ``reset_core`` is called with the number of a CPU that PIR resets.
    """

    compatible = ("fsl,mpic",)

    BRR1 = Register(0x0000, RO, "Block revision.", constant=True)
    THIS_IPIDR = RegisterArray(0x0040, WO, "IPIDR of the CPU that accesses.", dimensions=((IPIS, 0x10),))
    THIS_CTPR = Register(0x0080, RW, "CTPR of the CPU that accesses.")
    THIS_WHOAMI = Register(0x0090, RO, "WHOAMI of the CPU that accesses.")
    THIS_IACK = Register(0x00A0, RO, "IACK of the CPU that accesses.")
    THIS_EOI = Register(0x00B0, WO, "EOI of the CPU that accesses.")

    FRR = Register(0x1000, RO, "Features: sources - 1 << 16, CPUs - 1 << 8, version.", constant=True)
    GCR = Register(0x1020, RW, "Global configuration.", fields=GlobalConfiguration)
    VIR = Register(0x1080, RO, "Vendor identification; generic.")
    PIR = Register(0x1090, RW, "Processor initialisation: a bit that becomes set resets its CPU.")
    IPIVPR = RegisterArray(
        0x10A0,
        RW,
        "Vector and priority of an interprocessor interrupt.",
        dimensions=((IPIS, 0x10),),
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    SVR = Register(0x10E0, RW, "Vector of a spurious interrupt.", reset=0xFFFF, writable=0xFFFF)
    TFRR = RegisterArray(0x10F0, RW, "Timer frequency, as firmware reports it.", dimensions=((2, 0x1000),))
    GTCCR = RegisterArray(0x1100, RO, "Current count of a timer.", dimensions=((2, 0x1000), (4, 0x40)))
    GTBCR = RegisterArray(0x1110, RW, "Base count of a timer.", dimensions=((2, 0x1000), (4, 0x40)))
    GTVPR = RegisterArray(
        0x1120,
        RW,
        "Vector and priority of a timer.",
        dimensions=((2, 0x1000), (4, 0x40)),
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    GTDR = RegisterArray(
        0x1130, RW, "CPUs that a timer interrupts.", dimensions=((2, 0x1000), (4, 0x40)), reset=1
    )
    EISR0 = Register(0x3900, RO, "Error interrupt summary; no device of the model reports errors.")
    EIMR0 = Register(0x3910, RW, "Error interrupt mask.", reset=0xFFFFFFFF)

    IVPR = RegisterArray(
        0x10000,
        RW,
        "Vector and priority of a source.",
        dimensions=((SOURCES, 0x20),),
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    IDR = RegisterArray(0x10010, RW, "CPUs that a source interrupts.", dimensions=((SOURCES, 0x20),), reset=1)

    IPIDR = RegisterArray(
        0x20040,
        WO,
        "Sends an interprocessor interrupt to the CPUs of the mask.",
        dimensions=(("cpus", 0x1000), (IPIS, 0x10)),
    )
    CTPR = RegisterArray(
        0x20080,
        RW,
        "Current task priority: only what is above it interrupts.",
        dimensions=(("cpus", 0x1000),),
        reset=HIGHEST_PRIORITY,
    )
    WHOAMI = RegisterArray(0x20090, RO, "Number of the CPU.", dimensions=(("cpus", 0x1000),))
    IACK = RegisterArray(0x200A0, RO, "Takes an interrupt into service.", dimensions=(("cpus", 0x1000),))
    EOI = RegisterArray(0x200B0, WO, "Ends the service.", dimensions=(("cpus", 0x1000),))

    def __init__(
        self,
        clock: Clock,
        outputs: Sequence[Callable[[bool], None]],
        *,
        model: MpicModel = MPIC_4_2,
        current_cpu: Callable[[], int] = lambda: 0,
        reset_core: Callable[[int], None] = lambda cpu: None,
    ) -> None:
        self.cpus = len(outputs)
        if not 1 <= self.cpus <= MAX_CPUS:
            raise ValueError(f"an MPIC serves 1 to {MAX_CPUS} CPUs, not {self.cpus}")
        super().__init__()
        self.BRR1 = model.block_revision
        self.FRR = ((model.sources_reported - 1) << 16) | ((self.cpus - 1) << 8) | OPEN_PIC_1_2
        self._model = model
        self._current_cpu = current_cpu
        self._reset_core = reset_core
        self._all_cpus = (1 << self.cpus) - 1
        banks = ((self.IVPR, SOURCES), (self.IPIVPR, IPIS), (self.GTVPR, TIMERS))
        places = [(registers, index) for registers, count in banks for index in range(count)]
        self._sources = [Source(number, *place) for number, place in enumerate(places)]
        self._lines: list[list[InterruptLine]] = [[] for _ in range(SOURCES)]
        self._arbiter = Arbiter(self._sources, self.CTPR, outputs)
        self._timers = [
            GlobalTimer(clock, TIMER_FREQUENCY, partial(self._timer_expired, number))
            for number in range(TIMERS)
        ]
        self.reset()

    def source(self, number: int) -> InterruptLine:
        """Return a new line into a source, numbered as in the device tree; lines into one source are ORed.

        Raises ValueError for a number that is not 0 to 255.
        """
        if not 0 <= number < SOURCES:
            raise ValueError(f"{self.name}: there is no interrupt source {number}, only 0 to {SOURCES - 1}")
        line = InterruptLine(partial(self._line_changed, number))
        self._lines[number].append(line)
        return line

    def acknowledge(self, cpu: int) -> int | None:
        """Acknowledge for the external proxy: the vector, or None when GCR selects another mode."""
        if self.GCR & GlobalConfiguration.MODE != GlobalConfiguration.MODE_EXTERNAL_PROXY:
            return None
        return self._read_iack(cpu)

    def reset(self) -> None:
        """Return to the power-on state; the inputs keep their levels."""
        super().reset()
        self.IVPR[EXTERNAL_SOURCES:] = [VectorPriority.MASK | VectorPriority.POLARITY] * (
            SOURCES - EXTERNAL_SOURCES
        )
        for timer in self._timers:
            timer.reset()
        requested = [0] * ALL_SOURCES
        for source in self._sources[:SOURCES]:
            if source.asserted and self._is_level(source):
                requested[source.number] = self.IDR[source.number]
        self._arbiter.load(requested, [[] for _ in range(self.cpus)])

    def destroy(self) -> None:
        """Cancel the timers' events."""
        for timer in self._timers:
            timer.cancel()

    def save(self) -> State:
        """Return the registers and, as flat lists: requests, services, levels of the inputs, timers."""
        services = [(cpu, *service) for cpu in range(self.cpus) for service in self._arbiter.in_service(cpu)]
        asserted = [
            (number, position)
            for number, lines in enumerate(self._lines)
            for position, line in enumerate(lines)
            if line.level
        ]
        return super().save() | {
            "requested": [source.requested for source in self._sources],
            "in_service": [value for service in services for value in service],
            "asserted": [value for line in asserted for value in line],
            "timers": [value for timer in self._timers for value in timer.save()],
        }

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state, of a controller with as many CPUs and the same lines connected."""
        super().load(state)
        self._load_lines(saved_integers(self, state, "asserted", SOURCES))
        requested = saved_integers(self, state, "requested", self._all_cpus + 1)
        timers = saved_integers(self, state, "timers", 1 << 64)
        if len(requested) != ALL_SOURCES or len(timers) != 4 * TIMERS:
            raise ValueError(f"{self.name}: saved state is of another controller")
        for number, timer in enumerate(self._timers):
            timer.load(timers[4 * number : 4 * number + 4])
        self._arbiter.load(requested, self._loaded_services(state))

    def _load_lines(self, asserted: list[int]) -> None:
        levels = set(zip(asserted[::2], asserted[1::2], strict=False))
        for number, lines in enumerate(self._lines):
            for position, line in enumerate(lines):
                # Not by set(): the line was at this level before, so this is no edge.
                line.level = (number, position) in levels
            self._sources[number].asserted = any(line.level for line in lines)

    def _loaded_services(self, state: Mapping[str, object]) -> list[list[tuple[int, int]]]:
        values = saved_integers(self, state, "in_service", ALL_SOURCES)
        services: list[list[tuple[int, int]]] = [[] for _ in range(self.cpus)]
        for cpu, priority, number in zip(values[::3], values[1::3], values[2::3], strict=False):
            if cpu >= self.cpus or priority > HIGHEST_PRIORITY:
                raise ValueError(f"{self.name}: saved state: in_service names an unknown CPU or priority")
            services[cpu].append((priority, number))
        return services

    def _is_level(self, source: Source) -> bool:
        """Tell whether a source is level-sensitive: the chip's devices are, pins if programmed so."""
        if source.number < EXTERNAL_SOURCES:
            return self.IVPR[source.number] & VectorPriority.SENSE != 0
        return source.number < SOURCES

    def _line_changed(self, number: int, level: bool) -> None:
        source = self._sources[number]
        asserted = any(line.level for line in self._lines[number])
        if asserted == source.asserted:
            return
        source.asserted = asserted
        if asserted:
            self._arbiter.request(source, self.IDR[number])
        elif self._is_level(source):
            self._arbiter.request(source, 0)

    def _reprogrammed(self, number: int) -> None:
        """Let a source's request follow its new sense and destination."""
        source = self._sources[number]
        pending = source.asserted if self._is_level(source) else source.requested != 0
        self._arbiter.request(source, self.IDR[number] if pending else 0)

    def _timer_expired(self, number: int) -> None:
        source = self._sources[FIRST_TIMER + number]
        self._arbiter.request(source, source.requested | self.GTDR[number])

    @GCR.on_write
    def _write_gcr(self, value: int) -> None:
        if value & GlobalConfiguration.RESET:
            self.reset()
        else:
            self.GCR = value & self._model.modes

    @PIR.on_write
    def _write_pir(self, value: int) -> None:
        becomes_set = value & ~self.PIR & self._all_cpus
        self.PIR = value & self._all_cpus
        for cpu in range(self.cpus):
            if becomes_set >> cpu & 1:
                self._reset_core(cpu)

    @IVPR.on_read
    def _read_ivpr(self, number: int) -> int:
        return self.IVPR[number] | self._activity(number)

    @IVPR.on_write
    def _write_ivpr(self, number: int, value: int) -> None:
        sense = VectorPriority.SENSE if number < EXTERNAL_SOURCES else 0
        self.IVPR[number] = value & (PROGRAMMABLE | VectorPriority.POLARITY | sense)
        self._reprogrammed(number)

    @IDR.on_write
    def _write_idr(self, number: int, value: int) -> None:
        self.IDR[number] = value & self._all_cpus
        self._reprogrammed(number)

    @IPIVPR.on_read
    def _read_ipivpr(self, number: int) -> int:
        return self.IPIVPR[number] | self._activity(FIRST_IPI + number)

    @IPIVPR.on_write
    def _write_ipivpr(self, number: int, value: int) -> None:
        self.IPIVPR[number] = value & PROGRAMMABLE
        self._arbiter.update()

    @GTVPR.on_read
    def _read_gtvpr(self, number: int) -> int:
        return self.GTVPR[number] | self._activity(FIRST_TIMER + number)

    @GTVPR.on_write
    def _write_gtvpr(self, number: int, value: int) -> None:
        self.GTVPR[number] = value & PROGRAMMABLE
        self._arbiter.update()

    @GTDR.on_write
    def _write_gtdr(self, number: int, value: int) -> None:
        self.GTDR[number] = value & self._all_cpus

    @GTCCR.on_read
    def _read_gtccr(self, number: int) -> int:
        return self._timers[number].current

    @GTBCR.on_read
    def _read_gtbcr(self, number: int) -> int:
        return self._timers[number].base

    @GTBCR.on_write
    def _write_gtbcr(self, number: int, value: int) -> None:
        self._timers[number].base = value

    def _activity(self, number: int) -> int:
        return VectorPriority.ACTIVITY if self._arbiter.is_active(self._sources[number]) else 0

    @IPIDR.on_write
    def _write_ipidr(self, place: int, value: int) -> None:
        # All CPUs' registers do the same; the sender does not matter.
        self._write_this_ipidr(place % IPIS, value)

    @THIS_IPIDR.on_write
    def _write_this_ipidr(self, number: int, value: int) -> None:
        source = self._sources[FIRST_IPI + number]
        self._arbiter.request(source, source.requested | value & self._all_cpus)

    @CTPR.on_write
    def _write_ctpr(self, cpu: int, value: int) -> None:
        self.CTPR[cpu] = value & HIGHEST_PRIORITY
        self._arbiter.update()

    @WHOAMI.on_read
    def _read_whoami(self, cpu: int) -> int:
        return cpu

    @IACK.on_read
    def _read_iack(self, cpu: int) -> int:
        source = self._arbiter.acknowledge(cpu)
        if source is None:
            return self.SVR
        if not self._is_level(source):
            self._arbiter.request(source, source.requested & ~(1 << cpu))
        return source.vector

    @EOI.on_write
    def _write_eoi(self, cpu: int, value: int) -> None:
        self._arbiter.end_of_interrupt(cpu)

    @THIS_CTPR.on_read
    def _read_this_ctpr(self) -> int:
        return self.CTPR[self._current_cpu()]

    @THIS_CTPR.on_write
    def _write_this_ctpr(self, value: int) -> None:
        self._write_ctpr(self._current_cpu(), value)

    @THIS_WHOAMI.on_read
    def _read_this_whoami(self) -> int:
        return self._current_cpu()

    @THIS_IACK.on_read
    def _read_this_iack(self) -> int:
        return self._read_iack(self._current_cpu())

    @THIS_EOI.on_write
    def _write_this_eoi(self, value: int) -> None:
        self._write_eoi(self._current_cpu(), value)

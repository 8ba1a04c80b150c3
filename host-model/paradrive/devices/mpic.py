# SPDX-License-Identifier: GPL-2.0-or-later
"""The interrupt controller, Freescale MPIC (Open PIC).

``mpic_registers`` declares its registers, ``mpic_arbiter`` decides what interrupts, ``mpic_timer`` counts;
here they come together.

Source: Freescale MPC8544E Reference Manual, chapter "Programmable Interrupt Controller"; Open PIC Register
Interface Specification 1.2; numbers of sources, revisions and reset values as QEMU's models of MPIC
2.0 and 4.2. Not modelled: message and shared message-signalled interrupts, critical interrupt outputs,
timer control (cascading).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.device import State, saved_rows
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.mpic_arbiter import HIGHEST_PRIORITY, Arbiter, Source, VectorPriority
from paradrive.devices.mpic_registers import (
    ALL_SOURCES,
    EXTERNAL_SOURCES,
    FIRST_IPI,
    FIRST_TIMER,
    IPIS,
    SOURCES,
    TIMERS,
    GlobalConfiguration,
    MpicRegisters,
)
from paradrive.devices.mpic_timer import STOPPED, GlobalTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from paradrive.cpu.clock import Clock

MAX_CPUS = 32
#: No machine has more devices than that on one source.
MAX_LINES = 1 << 16
OPEN_PIC_1_2 = 0x02
#: The hardware divides a clock of the board; 25 MHz as in QEMU.
TIMER_FREQUENCY = 25_000_000
# What every vector/priority register lets the guest change.
PROGRAMMABLE = VectorPriority.MASK | VectorPriority.PRIORITY | VectorPriority.VECTOR


class MpicModel(NamedTuple):
    """What distinguishes the revisions: block revision, number of sources reported, and modes."""

    block_revision: int
    sources_reported: int
    modes: int


MPIC_2_0 = MpicModel(0x00400200, 80, GlobalConfiguration.MODE_MIXED)
MPIC_4_2 = MpicModel(0x00400402, 196, GlobalConfiguration.MODE_EXTERNAL_PROXY)


class MpicState(NamedTuple):
    """What the registers do not say of the state of a controller."""

    #: The lines that are asserted.
    asserted: set[InterruptLine]
    #: What each timer saves.
    timers: list[list[int]]
    #: At which CPUs (a mask) sources, by number, are requested.
    requests: dict[int, int]
    #: As ``Arbiter.in_service``.
    in_service: list[list[tuple[int, int]]]


class Mpic(MpicRegisters):
    """The controller; implements ``paradrive.cpu.ports.InterruptController``.

    ``outputs`` has for each CPU what is called with the level of its external interrupt input.
    ``current_cpu`` tells whose access it is at the offsets where each CPU finds its own registers;
    ``reset_core`` is called with the number of a CPU that PIR resets.
    """

    compatible = ("fsl,mpic",)

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
        self._lines: dict[int, list[InterruptLine]] = {}
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
        self._lines.setdefault(number, []).append(line)
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
        requests = {
            source.number: self.IDR[source.number]
            for source in self._sources
            if source.asserted and self._is_level(source)
        }
        self._arbiter.load(requests, [[] for _ in range(self.cpus)])

    def destroy(self) -> None:
        """Cancel the timers' events."""
        for timer in self._timers:
            timer.cancel()

    def save(self) -> State:
        """Return the registers and, as rows: requests, services, asserted inputs, timers in use."""
        services = self._arbiter.in_service
        return super().save() | {
            "requests": [list(request) for request in sorted(self._arbiter.requests().items())],
            "in_service": [[cpu, *service] for cpu, stack in enumerate(services) for service in stack],
            "asserted": [[number, position] for number, position, line in self._all_lines() if line.level],
            "timers": [
                [number, *timer.save()]
                for number, timer in enumerate(self._timers)
                if timer.save() != STOPPED
            ],
        }

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state, of a controller with as many CPUs and the same lines connected."""
        super().load(state)
        asserted = {tuple(row) for row in saved_rows(self, state, "asserted", (SOURCES, MAX_LINES))}
        requests = saved_rows(self, state, "requests", (ALL_SOURCES, 1 << self.cpus))
        services = saved_rows(self, state, "in_service", (self.cpus, HIGHEST_PRIORITY + 1, ALL_SOURCES))
        timers = saved_rows(self, state, "timers", (TIMERS, 1 << 32, 1 << 32, 1 << 31, 1 << 64))
        saved_timers = {number: timer for number, *timer in timers}
        self._return_to(
            MpicState(
                {line for number, position, line in self._all_lines() if (number, position) in asserted},
                [saved_timers.get(number, STOPPED) for number in range(TIMERS)],
                {number: cpus for number, cpus in requests if cpus},
                [
                    [(priority, number) for at, priority, number in services if at == cpu]
                    for cpu in range(self.cpus)
                ],
            )
        )

    def capture(self) -> Callable[[], None]:
        """Return what brings registers, inputs, timers, requests and services back."""
        revert_registers = super().capture()
        state = MpicState(
            {line for _, _, line in self._all_lines() if line.level},
            [timer.save() for timer in self._timers],
            self._arbiter.requests(),
            [list(stack) for stack in self._arbiter.in_service],
        )

        def revert() -> None:
            revert_registers()
            self._return_to(state)

        return revert

    def _return_to(self, state: MpicState) -> None:
        """Continue with the registers, which have been loaded before, and this state."""
        for number, lines in self._lines.items():
            for line in lines:
                # Not by set(): the line was at this level before, so this is no edge.
                line.level = line in state.asserted
            self._sources[number].asserted = not state.asserted.isdisjoint(lines)
        for timer, saved in zip(self._timers, state.timers, strict=True):
            timer.load(saved)
        self._arbiter.load(state.requests, [list(stack) for stack in state.in_service])

    def _all_lines(self) -> Iterator[tuple[int, int, InterruptLine]]:
        """Yield every line with its source number and its place among the lines into that source."""
        for number, lines in self._lines.items():
            for position, line in enumerate(lines):
                yield number, position, line

    def _is_level(self, source: Source) -> bool:
        """Tell whether a source is level-sensitive: the chip's devices are, pins if programmed so."""
        if source.number < EXTERNAL_SOURCES:
            return self.IVPR[source.number] & VectorPriority.SENSE != 0
        return source.number < SOURCES

    def _line_changed(self, number: int, level: bool) -> None:
        source = self._sources[number]
        lines = self._lines[number]
        asserted = level or (len(lines) > 1 and any(line.level for line in lines))
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
        if pending or source.requested:
            self._arbiter.request(source, self.IDR[number] if pending else 0)

    def _timer_expired(self, number: int) -> None:
        source = self._sources[FIRST_TIMER + number]
        self._arbiter.request(source, source.requested | self.GTDR[number])

    @MpicRegisters.GCR.on_write
    def _write_gcr(self, value: int) -> None:
        if value & GlobalConfiguration.RESET:
            self.reset()
        else:
            self.GCR = value & self._model.modes

    @MpicRegisters.PIR.on_write
    def _write_pir(self, value: int) -> None:
        becomes_set = value & ~self.PIR & self._all_cpus
        self.PIR = value & self._all_cpus
        for cpu in range(self.cpus):
            if becomes_set >> cpu & 1:
                self._reset_core(cpu)

    @MpicRegisters.IVPR.on_read
    def _read_ivpr(self, number: int) -> int:
        return self.IVPR[number] | self._activity(number)

    @MpicRegisters.IVPR.on_write
    def _write_ivpr(self, number: int, value: int) -> None:
        sense = VectorPriority.SENSE if number < EXTERNAL_SOURCES else 0
        self.IVPR[number] = value & (PROGRAMMABLE | VectorPriority.POLARITY | sense)
        self._reprogrammed(number)

    @MpicRegisters.IDR.on_write
    def _write_idr(self, number: int, value: int) -> None:
        self.IDR[number] = value & self._all_cpus
        self._reprogrammed(number)

    @MpicRegisters.IPIVPR.on_read
    def _read_ipivpr(self, number: int) -> int:
        return self.IPIVPR[number] | self._activity(FIRST_IPI + number)

    @MpicRegisters.IPIVPR.on_write
    def _write_ipivpr(self, number: int, value: int) -> None:
        self.IPIVPR[number] = value & PROGRAMMABLE
        self._arbiter.update()

    @MpicRegisters.GTVPR.on_read
    def _read_gtvpr(self, number: int) -> int:
        return self.GTVPR[number] | self._activity(FIRST_TIMER + number)

    @MpicRegisters.GTVPR.on_write
    def _write_gtvpr(self, number: int, value: int) -> None:
        self.GTVPR[number] = value & PROGRAMMABLE
        self._arbiter.update()

    @MpicRegisters.GTDR.on_write
    def _write_gtdr(self, number: int, value: int) -> None:
        self.GTDR[number] = value & self._all_cpus

    @MpicRegisters.GTCCR.on_read
    def _read_gtccr(self, number: int) -> int:
        return self._timers[number].current

    @MpicRegisters.GTBCR.on_read
    def _read_gtbcr(self, number: int) -> int:
        return self._timers[number].base

    @MpicRegisters.GTBCR.on_write
    def _write_gtbcr(self, number: int, value: int) -> None:
        self._timers[number].base = value

    def _activity(self, number: int) -> int:
        return VectorPriority.ACTIVITY if self._arbiter.is_active(self._sources[number]) else 0

    @MpicRegisters.IPIDR.on_write
    def _write_ipidr(self, place: int, value: int) -> None:
        # All CPUs' registers do the same; the sender does not matter.
        self._write_this_ipidr(place % IPIS, value)

    @MpicRegisters.THIS_IPIDR.on_write
    def _write_this_ipidr(self, number: int, value: int) -> None:
        source = self._sources[FIRST_IPI + number]
        self._arbiter.request(source, source.requested | value & self._all_cpus)

    @MpicRegisters.CTPR.on_write
    def _write_ctpr(self, cpu: int, value: int) -> None:
        self.CTPR[cpu] = value & HIGHEST_PRIORITY
        self._arbiter.update()

    @MpicRegisters.WHOAMI.on_read
    def _read_whoami(self, cpu: int) -> int:
        return cpu

    @MpicRegisters.IACK.on_read
    def _read_iack(self, cpu: int) -> int:
        source = self._arbiter.acknowledge(cpu)
        if source is None:
            return self.SVR
        if not self._is_level(source):
            self._arbiter.request(source, source.requested & ~(1 << cpu))
        for told in [line.acknowledged for line in self._lines.get(source.number, ()) if line.acknowledged]:
            told()
        return source.vector

    @MpicRegisters.EOI.on_write
    def _write_eoi(self, cpu: int, value: int) -> None:
        self._arbiter.end_of_interrupt(cpu)

    @MpicRegisters.THIS_CTPR.on_read
    def _read_this_ctpr(self) -> int:
        return self.CTPR[self._current_cpu()]

    @MpicRegisters.THIS_CTPR.on_write
    def _write_this_ctpr(self, value: int) -> None:
        self._write_ctpr(self._current_cpu(), value)

    @MpicRegisters.THIS_WHOAMI.on_read
    def _read_this_whoami(self) -> int:
        return self._current_cpu()

    @MpicRegisters.THIS_IACK.on_read
    def _read_this_iack(self) -> int:
        return self._read_iack(self._current_cpu())

    @MpicRegisters.THIS_EOI.on_write
    def _write_this_eoi(self, value: int) -> None:
        self._write_eoi(self._current_cpu(), value)

# SPDX-License-Identifier: GPL-2.0-or-later
"""How the MPIC decides: which source interrupts which CPU, acknowledge and end of interrupt.

Source: Freescale MPC8544E Reference Manual, chapter "Programmable Interrupt Controller", sections on
the flow of interrupts; Open PIC Register Interface Specification 1.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.registers import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class VectorPriority(Fields):
    """Bits of all vector/priority registers (IVPR, IPIVPR, GTVPR)."""

    MASK = 0x80000000
    ACTIVITY = 0x40000000
    POLARITY = 0x00800000
    SENSE = 0x00400000
    PRIORITY = 0x000F0000
    VECTOR = 0x0000FFFF


PRIORITY_SHIFT = 16
HIGHEST_PRIORITY = 15


class Source:
    """One source of interrupts.

    Its vector/priority register is ``registers[index]``, kept where the register map keeps it.
    ``requested`` is the mask of CPUs at which the source is pending, ``asserted`` the level of its input.
    """

    __slots__ = ("asserted", "index", "number", "registers", "requested")

    def __init__(self, number: int, registers: list[int], index: int) -> None:
        self.number = number
        self.registers = registers
        self.index = index
        self.requested = 0
        self.asserted = False

    @property
    def priority(self) -> int:
        """Priority 0 to 15; 0 never interrupts."""
        return (self.registers[self.index] & VectorPriority.PRIORITY) >> PRIORITY_SHIFT

    @property
    def vector(self) -> int:
        """What an acknowledge returns."""
        return self.registers[self.index] & VectorPriority.VECTOR

    @property
    def masked(self) -> bool:
        """Whether the source interrupts nobody, for now; its requests stay."""
        return self.registers[self.index] & VectorPriority.MASK != 0


class Arbiter:
    """Keeps what is requested and in service, and drives the interrupt outputs to the CPUs.

    ``sources`` are all sources by their numbers, ``task_priorities`` the CTPR of each CPU (kept in the
    register map), ``outputs`` what is called with the level of each CPU's interrupt input.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        task_priorities: list[int],
        outputs: Sequence[Callable[[bool], None]],
    ) -> None:
        self._sources = sources
        self._task_priorities = task_priorities
        self._outputs = [InterruptLine(output) for output in outputs]
        self._requested: set[Source] = set()
        #: Of each CPU the interrupts in service, as pairs (priority, source number). Each one nests in
        #: one of lower priority, so that priorities rise and there are never more than 15.
        self.in_service: list[list[tuple[int, int]]] = [[] for _ in self._outputs]

    def request(self, source: Source, cpus: int) -> None:
        """Make ``source`` pending at exactly the CPUs of the mask ``cpus``, and update the outputs."""
        source.requested = cpus
        if cpus:
            self._requested.add(source)
        else:
            self._requested.discard(source)
        self.update()

    def is_active(self, source: Source) -> bool:
        """Tell what the activity bit shows: the source is requested and not masked, or in service."""
        if source.requested and not source.masked:
            return True
        return any(number == source.number for stack in self.in_service for _, number in stack)

    def acknowledge(self, cpu: int) -> Source | None:
        """Take the best request of a CPU into service; None when nothing interrupts (a spurious interrupt).

        The caller ends the request where it is not a level that persists.
        """
        source = self._interrupting(cpu)
        if source is not None:
            self.in_service[cpu].append((source.priority, source.number))
            self.update()
        return source

    def end_of_interrupt(self, cpu: int) -> None:
        """End the service of highest priority; without any, nothing happens."""
        if self.in_service[cpu]:
            self.in_service[cpu].pop()
            self.update()

    def update(self) -> None:
        """Drive all outputs; called after a mask, a priority or a task priority has changed."""
        for cpu, output in enumerate(self._outputs):
            output.set(self._interrupting(cpu) is not None)

    def requests(self) -> dict[int, int]:
        """Return the numbers of the sources that are requested, and at which CPUs (a mask)."""
        return {source.number: source.requested for source in self._requested}

    def load(self, requests: dict[int, int], in_service: list[list[tuple[int, int]]]) -> None:
        """Replace all requests (as ``requests``) and the services of all CPUs, and update the outputs."""
        for source in self._requested:
            source.requested = 0
        for number, cpus in requests.items():
            self._sources[number].requested = cpus
        self._requested = {self._sources[number] for number in requests}
        self.in_service = in_service
        self.update()

    def _interrupting(self, cpu: int) -> Source | None:
        """Return the source that interrupts a CPU now: the best request, if it beats task and service."""
        if not self._requested:
            return None
        best, best_priority = None, self._task_priorities[cpu]
        if self.in_service[cpu]:
            best_priority = max(best_priority, self.in_service[cpu][-1][0])
        for source in self._requested:
            if not source.requested >> cpu & 1 or source.masked:
                continue
            priority = source.priority
            # Among equals the lowest number wins.
            if priority > best_priority or (
                best is not None and priority == best_priority and source.number < best.number
            ):
                best, best_priority = source, priority
        return best

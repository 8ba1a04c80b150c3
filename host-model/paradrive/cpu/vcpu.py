# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual CPU: runs guest instructions until something ends the run, as KVM_RUN does."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paradrive.cpu import saved_core
from paradrive.cpu.core import Core
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.reference import Reference
from paradrive.cpu.state import (
    PENDING_RESET,
    PENDING_STOP,
    PENDING_SYNCHRONIZE,
    PENDING_WAIT,
    CoreState,
    offset_of,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterable, Mapping, Set

    from paradrive.cpu.clock import Clock
    from paradrive.cpu.mmu import Mmu, TlbEntry
    from paradrive.cpu.models import CpuModel
    from paradrive.cpu.ports import InterruptController, Memory, PhysicalBus

ENGINES = ("compiled", "reference")

_PENDING = offset_of("pending") // 4
_RESERVED = offset_of("reserved") // 4
#: What of the state is no memory of the engine's: all before its tables.
_REGISTERS_SIZE = offset_of("single")
_REMAINING = offset_of("remaining") // 8


class RunExit(enum.Enum):
    """Why `Vcpu.run` returned."""

    BUDGET = "the budget is used up"
    STOPPED = "a stop was requested"
    IDLE = "the guest waits for an interrupt (MSR[WE])"
    RESET = "the core asked for a reset"


class Engine(Protocol):
    """Executes instructions until the clock's limit, or until ``state.pending`` must be looked at."""

    def execute(self) -> None:
        """Run; counts ``state.remaining`` down."""

    def forget(self) -> None:
        """Forget everything derived from memory and the bus: both may have changed."""

    def forget_devices(self) -> None:
        """Forget what performs accesses to devices: that has changed, and nothing else."""

    def remember(self, stored: Iterable[int]) -> None:
        """Have the next store to any page noticed: ``stored`` are the physical pages stored to until now."""

    def recall(self, changed: Set[int], unchanged: Iterable[int]) -> Collection[int]:
        """Follow the core, which has returned to where ``remember`` was.

        Of the physical pages noted as stored to since then, these have ``changed`` and those not. Returns
        pages which may not be noticed when they are stored to.
        """

    def restore_pages(self, ram: Memory, copy: Memory, numbers: Collection[int]) -> Collection[int]:
        """Give those of the physical pages that are in ``ram`` their contents in ``copy``.

        Returns those of them that had these already.
        """


class ReferenceEngine:
    """The reference engine as a loop."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reference = Reference(core)

    def execute(self) -> None:
        """Run until the clock's limit, or until ``state.pending`` must be looked at."""
        words, quads, step = self.core.state.words, self.core.state.quads, self.reference.step
        reach_breakpoint, breakpoints = self.core.breakpoints.reach, self.core.breakpoints.actions
        while quads[_REMAINING]:
            if not breakpoints or not reach_breakpoint():
                step()
            if words[_PENDING]:
                return

    def forget(self) -> None:
        """Nothing is kept beyond the core's translations."""

    def forget_devices(self) -> None:
        """Nothing is kept of them."""

    def remember(self, stored: Iterable[int]) -> None:
        """Have the next store to any page noticed."""
        self.core.forbid_stores()

    def recall(self, changed: Set[int], unchanged: Iterable[int]) -> Collection[int]:
        """Nothing is kept beyond the core's translations, and all stores are noticed."""
        return ()

    def restore_pages(self, ram: Memory, copy: Memory, numbers: Collection[int]) -> Collection[int]:
        """Copy pages back; return those for which that was not needed."""
        unchanged = []
        for number in numbers:
            start = number * PAGE_SIZE - ram.base
            if not 0 <= start < ram.size:
                continue
            page = copy.contents[start : start + PAGE_SIZE]
            if bytes(ram.contents[start : start + PAGE_SIZE]) == bytes(page):
                unchanged.append(number)
            else:
                ram.contents[start : start + PAGE_SIZE] = page
        return unchanged


class VcpuSnapshot(NamedTuple):
    """The state of a `Vcpu` at one instruction; of use only to the one it was taken of."""

    registers: bytes
    tlb0: list[tuple[TlbEntry, ...]]
    tlb1: list[TlbEntry]
    next_way: int
    #: What starts the timers again.
    timers: Callable[[], None]
    skipped: int


class Vcpu:
    """One e500 core.

    ``engine`` is "compiled" or "reference"; both behave the same. One instruction takes one
    nanosecond of the clock. An instruction that raises an interrupt counts like one that completes.
    """

    def __init__(
        self,
        model: CpuModel,
        bus: PhysicalBus,
        clock: Clock,
        *,
        engine: str = "compiled",
        interrupt_controller: InterruptController | None = None,
        timebase_frequency: int = 400_000_000,
        number: int = 0,
    ) -> None:
        self.clock = clock
        self.core = Core(model, bus, clock, timebase_frequency, interrupt_controller, number)
        self.state: CoreState = self.core.state
        self._words = self.state.words
        self._end = 0
        self._skipped = 0
        self._last_snapshot: VcpuSnapshot | None = None
        self._is_executing = False
        #: Whether ``run`` has not returned yet.
        self._is_running = False
        #: What waits for the present instruction to be complete, in its order and each once.
        self._deferred: dict[Callable[[], None], None] = {}
        #: The pages written from outside whose decoded code is to go then.
        self._code_written: set[int] = set()
        clock.read = self._now
        clock.rearm = self._rearm
        self.engine = self._make_engine(engine)
        self.reset()

    def _make_engine(self, name: str) -> Engine:
        if name == "reference":
            return ReferenceEngine(self.core)
        if name == "compiled":
            # Imported only here: the reference engine works where LLVM does not.
            from paradrive.cpu.compiled.engine import CompiledEngine

            return CompiledEngine(self.core)
        raise ValueError(f"unknown engine {name!r}; there are {', '.join(ENGINES)}")

    @property
    def mmu(self) -> Mmu:
        """The core's TLBs."""
        return self.core.mmu

    @property
    def unimplemented(self) -> Counter[str]:
        """How often the guest tried which instruction or register that the core does not have."""
        return self.core.unimplemented

    @property
    def instructions(self) -> int:
        """The number of instructions executed since the CPU was created."""
        return self._now() - self._skipped

    def _now(self) -> int:
        now: int = self.state.clock_limit - self.state.remaining
        return now

    def _rearm(self) -> None:
        """Let the engine run until the end of the budget or the next event, whichever comes first."""
        now = self._now()
        event = self.clock.next_event()
        limit = max(now, self._end if event is None else min(self._end, event))
        self.state.clock_limit, self.state.remaining = limit, limit - now

    def require_rest(self, wish: str) -> None:
        """Raise RuntimeError within ``run``: what is being executed would go on in another state.

        A breakpoint is between two instructions, but has been reached by code that goes on behind it, too.
        """
        if self._is_running:
            raise RuntimeError(
                f"{wish} while the guest runs: a device asks its host for a reset, "
                "and all else has to wait until the run has ended, or for `call_at`"
            )

    def reset(self) -> None:
        """Enter the state after power-on, between two runs."""
        self.require_rest("a reset")
        self.core.reset()
        self.engine.forget()

    def between_instructions(self, action: Callable[[], None]) -> None:
        """Call ``action`` now, or, from within an instruction's access to a device, once that is complete.

        What an access has been answered, the instruction that made it must get: until then what is known
        of its translation and of its decoded form stays.
        """
        if not self._is_executing:
            action()
            return
        self._deferred[action] = None
        self.state.pending |= PENDING_SYNCHRONIZE

    def memory_changed(self) -> None:
        """Tell that the bus maps something else now, or that any RAM was written from outside the CPU."""
        self.between_instructions(self._forget_memory)

    def _forget_memory(self) -> None:
        self.core.lose_reservation()
        self.core.flush_translations()
        self.engine.forget()

    def memory_written(self, address: int, size: int) -> None:
        """Tell that RAM was written from outside the CPU: ``size`` bytes from a physical address.

        A snapshot brings back what was there. Decoded code of these pages, and a reservation of what was
        written, go when the present instruction is complete.
        """
        core = self.core
        if self._words[_RESERVED] and core.may_have_reserved(address, size):
            self.between_instructions(core.lose_reservation)
        first, last = address // PAGE_SIZE, (address + size - 1) // PAGE_SIZE
        if first == last and first in core.stored_pages and first not in core.code_pages:
            return  # most writes of devices are small, and to pages of data that have been written to before
        for page in range(first, last + 1):
            core.stored_pages.add(page)
            if page in core.code_pages:
                self._code_written.add(page)
                self.between_instructions(self._forget_written_code)

    def _forget_written_code(self) -> None:
        for page in self._code_written:
            self.core.note_store(page)
        self._code_written.clear()

    def devices_changed(self) -> None:
        """Tell that something else performs the accesses to devices on the bus now."""
        self.engine.forget_devices()

    def set_breakpoint(self, address: int, action: Callable[[], None]) -> None:
        """Call ``action`` each time before the instruction at this effective address is executed.

        It may change the state, or request a stop, after which that instruction is the next. Several actions
        at one address are called in the order in which they were set. ``restore`` removes all breakpoints.
        """
        self.core.breakpoints.set(address, action)
        self.between_instructions(self.core.flush_translations)

    def remove_breakpoint(self, address: int, action: Callable[[], None]) -> None:
        """Do not call ``action`` at this effective address any more."""
        self.core.breakpoints.remove(address, action)
        self.between_instructions(self.core.flush_translations)

    @property
    def stored_pages(self) -> set[int]:
        """The physical pages of RAM stored to since the last snapshot or restore.

        After a restore that includes those which earlier runs from the same snapshot have changed: to notice
        each store takes longer than to look for a change at the next restore.
        """
        return self.core.stored_pages

    def snapshot(self) -> VcpuSnapshot:
        """Return the present state, and start to note anew which pages are stored to."""
        self.require_rest("a snapshot")
        mmu = self.core.mmu
        self.engine.remember(self.core.stored_pages)
        self.core.stored_pages.clear()
        self._last_snapshot = VcpuSnapshot(
            bytes(self.state.bytes[:_REGISTERS_SIZE]),
            list(mmu.tlb0),
            list(mmu.tlb1),
            mmu.next_way,
            self.core.timers.capture(),
            self._skipped,
        )
        return self._last_snapshot

    def restore(self, snapshot: VcpuSnapshot, memories: Iterable[tuple[Memory, Memory]]) -> None:
        """Return to the state of ``snapshot``, and RAM in ``stored_pages`` to its contents then.

        ``memories`` are all blocks of RAM, each with a copy of then. The clock's events must have been
        cleared.
        """
        self.require_rest("a restore")
        core, mmu = self.core, self.core.mmu
        unchanged = self._restore_pages(memories)
        core.breakpoints.clear()
        self.state.bytes[:_REGISTERS_SIZE] = snapshot.registers
        self._skipped = snapshot.skipped
        mmu.tlb0[:], mmu.tlb1[:] = snapshot.tlb0, snapshot.tlb1
        mmu.next_way = snapshot.next_way
        core.state_replaced()
        if snapshot is not self._last_snapshot:
            self.engine.forget()
            self.engine.remember(core.stored_pages.union(unchanged))
            self._last_snapshot = snapshot
        core.stored_pages = set(self.engine.recall(core.stored_pages, unchanged))
        snapshot.timers()

    def _restore_pages(self, memories: Iterable[tuple[Memory, Memory]]) -> list[int]:
        """Return RAM to its contents in the copies; move those pages from ``stored_pages`` that had them."""
        stored = self.core.stored_pages
        all_unchanged: list[int] = []
        for ram, copy in memories:
            unchanged = self.engine.restore_pages(ram, copy, stored)
            stored.difference_update(unchanged)
            all_unchanged += unchanged
        return all_unchanged

    def save(self) -> dict[str, object]:
        """Return the state, between two runs, as JSON can hold it; see `saved_core`."""
        self.require_rest("saving")
        return saved_core.save(self.core) | {"time": self._now(), "skipped": self._skipped}

    def load(self, saved: Mapping[str, object]) -> None:
        """Continue from ``save`` of a `Vcpu` of the same model; the clock's events must have been cleared.

        Raises ValueError when the state is newer than this version, or malformed.
        """
        self.require_rest("loading")
        saved_core.check_version(saved, saved_core.STATE_VERSION)
        now = saved_core.integer(saved, "time", saved_core.MAX_TIME)
        self._skipped = saved_core.integer(saved, "skipped", now + 1)
        self.state.clock_limit, self.state.remaining, self._end = now, 0, now
        saved_core.load(self.core, saved)
        self.engine.forget()

    def set_external_interrupt(self, level: bool) -> None:
        """Drive the external interrupt input."""
        self.core.set_external_interrupt(level)

    def request_stop(self) -> None:
        """End the run after the instruction that is being executed."""
        self.state.pending |= PENDING_STOP

    def skip_to(self, when: int) -> None:
        """Let guest time jump ahead to ``when`` (ns) without executing anything, and run what is due then."""
        now = self._now()
        if when > now:
            self._skipped += when - now
            self.state.clock_limit += when - now
            self._end += when - now
        self.clock.run_due(self._now())
        self._rearm()

    def run(self, budget: int) -> RunExit:
        """Execute ``budget`` instructions, exactly, unless something else ends the run first."""
        self.require_rest("a run")
        self._is_running = True
        try:
            return self._run(budget)
        finally:
            self._is_running = False
            self._synchronize()  # where a device has raised, what it had deferred still waits

    def _run(self, budget: int) -> RunExit:
        self._end = self._now() + budget
        self._rearm()
        state = self.state
        while True:
            if state.pending:
                ended = self._attend()
                if ended is not None:
                    return ended
            if not state.remaining:
                now = self._now()
                event = self.clock.next_event()
                if event is not None and event <= now:
                    self.clock.run_due(now)
                    self._rearm()
                    continue
                if now >= self._end:
                    return RunExit.BUDGET
                self._rearm()
            self._is_executing = True
            try:
                self.engine.execute()
            finally:
                self._is_executing = False

    def _synchronize(self) -> None:
        """Do what has waited for an instruction to be complete."""
        self.state.pending &= ~PENDING_SYNCHRONIZE
        deferred, self._deferred = self._deferred, {}
        for action in deferred:
            action()

    def _attend(self) -> RunExit | None:
        """Act on ``state.pending``: take an interrupt, or tell why the run ends."""
        state = self.state
        if state.pending & PENDING_SYNCHRONIZE:
            self._synchronize()
        if state.pending & PENDING_STOP:
            state.pending &= ~PENDING_STOP
            return RunExit.STOPPED
        if state.pending & PENDING_RESET:
            state.pending &= ~PENDING_RESET
            return RunExit.RESET
        if self.core.take_pending():
            return None
        return RunExit.IDLE if state.pending & PENDING_WAIT else None

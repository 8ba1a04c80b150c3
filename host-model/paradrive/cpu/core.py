# SPDX-License-Identifier: GPL-2.0-or-later
"""The core without its engines: memory as instructions see it, and the interrupts they meet."""

from __future__ import annotations

from collections import Counter
from struct import Struct
from typing import TYPE_CHECKING

from paradrive.cpu import interrupts
from paradrive.cpu.breakpoints import Breakpoints
from paradrive.cpu.interrupts import ESR_ILLEGAL, ESR_PRIVILEGED, GuestInterrupt
from paradrive.cpu.mmu import Access, Mmu, TlbEntry
from paradrive.cpu.ports import PAGE_SIZE, InterruptController, PhysicalBus
from paradrive.cpu.state import (
    MSR_CE,
    MSR_DS,
    MSR_EE,
    MSR_IS,
    MSR_PR,
    MSR_WE,
    PENDING_DECREMENTER,
    PENDING_EXTERNAL,
    PENDING_FIXED_INTERVAL,
    PENDING_WAIT,
    PENDING_WATCHDOG,
    CoreState,
)
from paradrive.cpu.timers import Timers
from paradrive.isa import spr

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from paradrive.cpu.clock import Clock
    from paradrive.cpu.models import CpuModel

#: DOZE, NAP and SLEEP: MSR[WE] waits only if one of them is set (e500 core manual, 2.10.1).
HID0_POWER_SAVING = 0x00E00000

#: At most this many different unimplemented instructions are counted by name.
UNIMPLEMENTED_NAMES = 256
#: Of so many pages it is kept where they lead, by kind of access; a guest that touches more starts over.
PAGES = 1 << 14

#: Where a page of effective addresses leads: a RAM block's view and the page's place in it, or None and
#: the physical address of a page of devices.
Page = tuple[memoryview | None, int]

_CODES = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
#: Unpack and pack big-endian values by their size in bytes.
_UNPACK = {size: Struct(f">{code}").unpack_from for size, code in _CODES}
_PACK = {size: Struct(f">{code}").pack_into for size, code in _CODES}


class Core:
    """Registers, MMU, timers and interrupt inputs of one core, and its view of memory.

    ``before_store(physical_page)`` is called when a page of RAM is about to be stored to for the first
    time since ``forbid_stores`` or the start; ``flushed`` when translations have changed, ``process_changed``
    when only those of single processes have.
    """

    def __init__(
        self,
        model: CpuModel,
        bus: PhysicalBus,
        clock: Clock,
        timebase_frequency: int,
        interrupt_controller: InterruptController | None,
        number: int,
    ) -> None:
        self.model, self.bus, self.clock, self.number = model, bus, clock, number
        self.interrupt_controller = interrupt_controller
        self.state = CoreState()
        self.breakpoints = Breakpoints(self.state, self._can_fetch)
        self.timers = Timers(self.state, clock, timebase_frequency)
        self.before_store: Callable[[int], None] = lambda _page: None
        #: The physical pages of RAM that have been stored to since the set was cleared last.
        self.stored_pages: set[int] = set()
        #: The physical pages that hold decoded code; the engine keeps its own set here.
        self.code_pages: Set[int] = frozenset()
        self.flushed: Callable[[TlbEntry | None], None] = lambda _entry: None
        self.process_changed: Callable[[], None] = lambda: None
        self.unimplemented: Counter[str] = Counter()
        #: What is known of pages, by number, in the present privilege state; found by `page_at`.
        self.readable: dict[int, Page] = {}
        self.writable: dict[int, Page] = {}
        self.executable: dict[int, Page] = {}
        self._pages = {MSR_PR: ({}, {}, {}), 0: (self.readable, self.writable, self.executable)}
        self.mmu = Mmu(self.state, model, self._translations_changed)

    def reset(self) -> None:
        """Enter the state after power-on: MSR, TLBs and timers cleared."""
        state = self.state
        pending = state.pending & PENDING_EXTERNAL
        remaining, limit = state.remaining, state.clock_limit
        old = state.msr
        state.bytes[:] = bytes(len(state.bytes))
        self.msr_changed(old)
        state.remaining, state.clock_limit, state.pending = remaining, limit, pending
        state.cache_line_size = self.model.cache_line_size
        for number, value in self.model.constants.items():
            state.spr[number] = value
        state.spr[spr.PIR] = self.number
        self.timers.reset()
        self.mmu.reset()

    # Memory

    def _translations_changed(self, entry: TlbEntry | None) -> None:
        if entry is None or entry.size > PAGE_SIZE:
            self._forget_pages()
        else:
            for kinds in self._pages.values():
                for pages in kinds:
                    pages.pop(entry.epn >> 12, None)
        self.flushed(entry)

    def _forget_pages(self) -> None:
        for kinds in self._pages.values():
            for pages in kinds:
                pages.clear()

    def flush_translations(self) -> None:
        """Forget all translations: an address space or the bus has changed."""
        self._translations_changed(None)

    def flush_processes(self) -> None:
        """Forget the translations that depend on the process ID, which has changed."""
        self._forget_pages()
        self.process_changed()

    def state_replaced(self) -> None:
        """Follow registers and TLBs that have been replaced; the engine sees to its translations."""
        self.readable, self.writable, self.executable = self._pages[self.state.msr & MSR_PR]
        self._forget_pages()

    def forbid_stores(self) -> None:
        """Have ``before_store`` called again for every page."""
        for _readable, writable, _executable in self._pages.values():
            writable.clear()

    def msr_changed(self, old: int) -> None:
        """Switch to the translations of the present privilege state and address spaces."""
        changed = old ^ self.state.msr
        if changed & MSR_PR:
            self.readable, self.writable, self.executable = self._pages[self.state.msr & MSR_PR]
        if changed & (MSR_IS | MSR_DS):
            self.flush_translations()

    def note_store(self, page: int) -> None:
        """Note that a physical page of RAM becomes writable."""
        self.stored_pages.add(page)
        self.before_store(page)

    def page_at(self, address: int, access: Access) -> Page:
        """Return where the page of effective ``address`` leads; GuestInterrupt if ``access`` is refused."""
        msr = self.state.msr
        space = bool(msr & (MSR_IS if access is Access.FETCH else MSR_DS))
        physical = self.mmu.translate(address, access, space, bool(msr & MSR_PR)) & ~(PAGE_SIZE - 1)
        memory = self.bus.memory_at(physical)
        if access is Access.WRITE:
            if memory is not None:
                self.note_store(physical >> 12)
            pages = self.writable
        else:
            pages = self.readable if access is Access.READ else self.executable
        page = (None, physical) if memory is None else (memory.contents, physical - memory.base)
        if len(pages) >= PAGES:
            pages.clear()
        pages[address >> 12] = page
        return page

    def _can_fetch(self, address: int) -> bool:
        return self.mmu.find(address, bool(self.state.msr & MSR_IS), self.mmu.pids()) is not None

    def load(self, address: int, size: int) -> int:
        """Return ``size`` bytes at effective ``address``, big-endian; may raise GuestInterrupt."""
        within = address & 0xFFF
        if within + size > PAGE_SIZE:
            return self._load_across_pages(address, size)
        view, place = self.readable.get(address >> 12) or self.page_at(address, Access.READ)
        if view is None:
            return self.bus.reader(place + within, size)() & (1 << 8 * size) - 1
        value: int = _UNPACK[size](view, place + within)[0]
        return value

    def store(self, address: int, value: int, size: int) -> None:
        """Store the low ``size`` bytes of ``value`` at ``address``, big-endian; may raise GuestInterrupt."""
        within = address & 0xFFF
        if within + size > PAGE_SIZE:
            self._store_across_pages(address, value, size)
            return
        view, place = self.writable.get(address >> 12) or self.page_at(address, Access.WRITE)
        value &= (1 << 8 * size) - 1
        if view is None:
            self.bus.writer(place + within, size)(value)
        else:
            _PACK[size](view, place + within, value)

    def require_pages(self, address: int, size: int, access: Access) -> None:
        """Raise what ``access`` to at most a page of bytes raises; DEAR is within the page that refuses."""
        self.page_at(address, access)
        second = (address + size - 1) & 0xFFFFF000
        if second != address & 0xFFFFF000:
            self.page_at(second, access)

    def _load_across_pages(self, address: int, size: int) -> int:
        # Both pages must accept the load before a device in the first is asked: it shall be asked once.
        self.require_pages(address, size, Access.READ)
        value = 0
        for offset in range(size):
            value = value << 8 | self.load((address + offset) & 0xFFFFFFFF, 1)
        return value

    def _store_across_pages(self, address: int, value: int, size: int) -> None:
        # Both pages must accept the store before either is changed.
        self.require_pages(address, size, Access.WRITE)
        for offset in range(size):
            self.store((address + offset) & 0xFFFFFFFF, value >> 8 * (size - 1 - offset), 1)

    def may_have_reserved(self, address: int, size: int) -> bool:
        """Tell whether ``size`` bytes from a physical address may lie in the cache block that is reserved.

        A block is what the core watches (e500 core family reference manual, 3.3.1.7.1). The reservation has
        an effective address; where that does not lead anywhere any more, it may have been any block.
        """
        reserved = self.state.reservation
        entry = self.mmu.find(reserved, bool(self.state.msr & MSR_DS), self.mmu.pids())
        if entry is None:
            return size > 0
        block_size = self.model.cache_line_size
        block: int = (entry.rpn | reserved & entry.size - 1) & -block_size
        return address < block + block_size and block < address + size

    def lose_reservation(self) -> None:
        """Have the next stwcx. fail: somebody else has written, or may have written, what is reserved."""
        self.state.reserved = 0

    # Interrupts

    def illegal(self, name: str) -> GuestInterrupt:
        """Count an instruction or register that this core does not implement; return what to raise."""
        if name in self.unimplemented or len(self.unimplemented) < UNIMPLEMENTED_NAMES:
            self.unimplemented[name] += 1
        else:
            self.unimplemented["others"] += 1
        return GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_ILLEGAL)

    def require_supervisor(self) -> None:
        """Raise the privileged instruction exception in user mode."""
        if self.state.msr & MSR_PR:
            raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_PRIVILEGED)

    def write_msr(self, value: int) -> None:
        """Set the MSR; bits that the core does not have stay zero."""
        old, value = self.state.msr, value & self.model.msr_mask
        self.state.msr = value
        self.msr_changed(old)
        if value & MSR_WE and self.state.spr[spr.HID0] & HID0_POWER_SAVING:
            self.state.pending |= PENDING_WAIT

    def enter(self, raised: GuestInterrupt, address: int) -> None:
        """Take the interrupt that the instruction at ``address`` raised."""
        if raised.syndrome is not None:
            self.state.spr[spr.ESR] = raised.syndrome
        if raised.data_address is not None:
            self.state.spr[spr.DEAR] = raised.data_address
        self._take(raised.interrupt, (address + 4) & 0xFFFFFFFF if raised.after else address)

    def _take(self, interrupt: interrupts.Interrupt, return_address: int) -> None:
        old = self.state.msr
        interrupts.take(self.state, interrupt, return_address)
        self.state.pending &= ~PENDING_WAIT
        self.msr_changed(old)

    def take_pending(self) -> bool:
        """Take the asynchronous interrupt of highest priority that is enabled; tell whether there was one."""
        state = self.state
        pending, msr = state.pending, state.msr
        if pending & PENDING_WATCHDOG and msr & MSR_CE:
            self._take(interrupts.WATCHDOG, state.pc)
        elif not msr & MSR_EE:
            return False
        elif pending & PENDING_EXTERNAL:
            self._take(interrupts.EXTERNAL_INPUT, state.pc)
            if self.interrupt_controller is not None:
                vector = self.interrupt_controller.acknowledge(self.number)
                if vector is not None:
                    state.spr[spr.EPR] = vector & 0xFFFF
        elif pending & PENDING_FIXED_INTERVAL:
            self._take(interrupts.FIXED_INTERVAL_TIMER, state.pc)
        elif pending & PENDING_DECREMENTER:
            self._take(interrupts.DECREMENTER, state.pc)
        else:
            return False
        return True

    def set_external_interrupt(self, level: bool) -> None:
        """Drive the external interrupt input."""
        if level:
            self.state.pending |= PENDING_EXTERNAL
        else:
            self.state.pending &= ~PENDING_EXTERNAL

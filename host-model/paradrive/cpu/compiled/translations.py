# SPDX-License-Identifier: GPL-2.0-or-later
"""The translations that compiled code knows: tables which are filled when an access misses.

Two promises hold for them: a page that holds decoded code is never writable without an exit, and a page that
becomes writable loses its decoded code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.compiled.code_pages import MAX_CODE_PAGES, CodePages
from paradrive.cpu.compiled.remembered import NOWHERE, Filled, Places, Remembered, add_place
from paradrive.cpu.compiled.tables import (
    ADDEND_QUAD,
    CODE_QUAD,
    DEVICE,
    EMPTY_TABLES,
    FETCH,
    READ,
    TAGS,
    WORDS_OF_TABLE,
    WRITE,
    data_tags,
    index_of,
    tables_of,
)
from paradrive.cpu.mmu import Access, TlbEntry
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.state import MSR_DS, MSR_IS, MSR_PR, NO_PAGE, offset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Set

    from paradrive.cpu.core import Core

_MASK64 = (1 << 64) - 1
_MSR = offset_of("msr") // 4
#: How often it is noted where a page is mapped, before all is forgotten.
_NOTES = 1 << 16


class Translations:
    """The tables of one core, filled from its TLBs, and the decoded code that they lead to.

    ``prepare_page`` makes an empty page of decoded code at one host address for the RAM at another.
    """

    def __init__(self, core: Core, prepare_page: Callable[[int, int], None]) -> None:
        self.core = core
        self._state = core.state.words
        self._words, self._quads = tables_of(core.state)
        self._code_pages = CodePages(prepare_page)
        #: What the tables hold after a return, and where that leads.
        self._remembered = Remembered()
        #: Which entries besides allow writing to, or fetching from, a physical page.
        self._writers: Places = {}
        self._fetchers: Places = {}
        self._noted = 0
        #: Indexes of further translations which are of one process.
        self._private: set[int] = set()
        #: What has been filled in since the last ``remember`` or ``recall``, and may be valid still.
        self._filled: dict[int, Filled] = {}
        self._fetched: dict[int, Filled] = {}
        core.before_store = self._forget_code
        core.code_pages = self._code_pages.in_use
        core.flushed = self._flush
        core.process_changed = self._flush_processes
        self.forget()

    def forget(self) -> None:
        """Forget everything: what memory holds, or where it is, has changed."""
        self._empty_tables()
        self._code_pages.clear()
        self._remembered.forget()

    def _empty_tables(self) -> None:
        self._words[:] = EMPTY_TABLES
        self._clear_notes()

    def _clear_notes(self) -> None:
        for notes in (self._writers, self._fetchers, self._private, self._filled, self._fetched):
            notes.clear()
        self._noted = 0

    def _note(self, places: Places, page: int, index: int) -> None:
        """Note that a table entry leads to ``page``; a guest that maps it in ever new places starts over."""
        self._noted += 1
        if self._noted > _NOTES:
            self._empty_tables()
        add_place(places, page, index)

    # What is no longer valid

    def _flush(self, entry: TlbEntry | None) -> None:
        """Forget the translations that ``entry`` (None: any) may have given."""
        if entry is None or entry.size > PAGE_SIZE:
            self._empty_tables()
            return
        index = index_of(entry.epn, 0)
        for place in (index, index + WORDS_OF_TABLE):
            # Another page has taken its place more often than not.
            if entry.epn in self._words[place : place + TAGS].tolist():
                self._empty_entry(place)

    def _empty_entry(self, index: int) -> None:
        words = self._words
        words[index] = words[index + 1] = words[index + 2] = words[index + 3] = NO_PAGE

    def _flush_processes(self) -> None:
        """Forget the translations of single processes: another one runs now."""
        for index in self._private | self._remembered.private:
            self._empty_entry(index)
        self._private.clear()
        # Where the new process has an entry besides one for all, it depends on their order which one counts.
        mmu = self.core.mmu
        pids = {pid for pid in mmu.pids() if pid}
        for ways in (*mmu.tlb0, mmu.tlb1):
            for entry in ways:
                if entry.tid in pids and entry.valid:
                    self._flush(entry)

    def _forget_code(self, page: int) -> None:
        """Make a physical page writable: drop its decoded code and whatever leads there."""
        if page in self._code_pages:
            self._code_pages.empty((page,))
        remembered = self._remembered.fetchers.get(page, NOWHERE)
        for index in (*self._fetchers.pop(page, NOWHERE), *remembered):
            self._words[index + FETCH] = NO_PAGE

    def _forbid_stores(self, pages: Iterable[int]) -> None:
        """Have the next store to these physical pages noticed."""
        remembered = self._remembered.writers
        for page in pages:
            for index in (*self._writers.pop(page, NOWHERE), *remembered.get(page, NOWHERE)):
                self._words[index + WRITE] = NO_PAGE
        self.core.forbid_stores()

    # Snapshots

    def remember(self, stored: Iterable[int]) -> None:
        """Have the next store to the pages stored to noticed, and keep the translations for ``recall``."""
        self._forbid_stores(stored)
        self._remembered.take(self._words, self._fetchers, self._private, self.core.mmu.pids())
        self._clear_notes()

    def recall(self, changed: Set[int], unchanged: Iterable[int]) -> Collection[int]:
        """Return to the translations of ``remember``, and to later ones that were valid then.

        The core is back in its state of then. Of the physical pages noted as stored to, these have been
        ``changed`` since, those not. Returns those to which stores go unnoticed from now on.
        """
        remembered, mmu, msr = self._remembered, self.core.mmu, self.core.state.msr
        pids = mmu.pids()

        def holds(filled: Filled, access: Access) -> bool:
            space = bool(msr & (MSR_IS if access is Access.FETCH else MSR_DS))
            return mmu.find(filled.page, space, pids) == filled.entry

        self._code_pages.empty_changed(changed)
        remembered.learn(self._words, self._filled, self._fetched, changed, unchanged, holds)
        self._words[:] = remembered.tables
        self._clear_notes()
        self._code_pages.use(self._code_pages.emptied & remembered.fetchers.keys())
        self._code_pages.start_over()
        return remembered.writers.keys()

    # Filling

    def _translate(self, address: int, access: Access) -> tuple[TlbEntry, int] | None:
        """Return the TLB entry that allows an access, and where its page is; changes nothing.

        Returns None where the access raises.
        """
        msr = self._state[_MSR]
        mmu = self.core.mmu
        entry = mmu.find(address, bool(msr & (MSR_IS if access is Access.FETCH else MSR_DS)), mmu.pids())
        if entry is None or not entry.allows(access, bool(msr & MSR_PR)):
            return None
        return entry, entry.rpn | address & -PAGE_SIZE & entry.size - 1

    def fill(self, address: int, access: Access) -> bool:
        """Enter the translation of ``address`` for loads or stores; tell whether that can help."""
        found = self._translate(address, access)
        if found is None:
            return False
        entry, physical = found
        page = address & -PAGE_SIZE
        memory = self.core.bus.memory_at(physical)
        if memory is None:
            return self._fill_device(entry, page, physical)
        number, msr = physical >> 12, self._state[_MSR]
        if access is Access.WRITE:
            if number in self._code_pages and self._executes(physical):
                # Code that stores to its own page would lose it before it could store: one step in Python.
                return False
            self.core.note_store(number)
        index, user = index_of(address, msr), bool(msr & MSR_PR)
        writable = self._may_store(number) and entry.allows(Access.WRITE, user)
        if writable and index not in self._remembered.writers.get(number, NOWHERE):
            # First of all: it may empty the tables, and a tag must never stand beside another's addend.
            self._note(self._writers, number, index)
        target = memory.host_address + physical - memory.base
        readable = entry.allows(Access.READ, user)
        tags = page if readable else NO_PAGE, page if writable else NO_PAGE, NO_PAGE
        self._enter(index, Filled(page, entry, number), target, tags)
        return True

    def _executes(self, physical: int) -> bool:
        """Tell whether the present instruction is on this physical page."""
        found = self._translate(self.core.state.pc, Access.FETCH)
        return found is not None and found[1] == physical

    def _may_store(self, page: int) -> bool:
        """Tell whether a store to a physical page may go unnoticed: the page is noted, and holds no code."""
        return page in self.core.stored_pages and page not in self._code_pages

    def _fill_device(self, entry: TlbEntry, page: int, physical: int) -> bool:
        """Enter the translation of a page of devices; tell whether that can help."""
        msr = self._state[_MSR]
        index, user = index_of(page, msr), bool(msr & MSR_PR)
        if self._words[index + DEVICE] == page:
            return False  # what missed in spite of it is for the reference engine: lmw, dcbz ...
        if not entry.allows(Access.READ, user) or not entry.allows(Access.WRITE, user):
            return False
        self._enter(index, Filled(page, entry, physical >> 12), physical, (NO_PAGE, NO_PAGE, page))
        return True

    def _enter(self, index: int, filled: Filled, target: int, tags: tuple[int, int, int]) -> None:
        """Let accesses to a page lead to ``target``; ``tags`` are those for reads, writes and devices."""
        words = self._words
        self._quads[index // 2 + ADDEND_QUAD] = (target - filled.page) & _MASK64
        words[index + READ], words[index + WRITE], words[index + DEVICE] = tags
        self._note_filled(self._filled, index, filled, data_tags(self._remembered.tables, index) != tags)

    def _note_filled(self, notes: dict[int, Filled], index: int, filled: Filled, is_news: bool) -> None:
        """Note what an entry of the tables has been made of, if that is news and can hold after a return."""
        process = filled.entry.tid
        if process:
            self._private.add(index)
        if is_news and process in self._remembered.processes:
            notes[index] = filled
        else:
            notes.pop(index, None)

    def fill_fetch(self, address: int) -> bool:
        """Enter the translation of ``address`` for fetches; tell whether there is code in RAM there."""
        found = self._translate(address, Access.FETCH)
        if found is None:
            return False
        entry, physical = found
        page = address & -PAGE_SIZE
        memory = self.core.bus.memory_at(physical)
        if memory is None:
            return False
        number = physical >> 12
        if len(self._code_pages) >= MAX_CODE_PAGES:
            self.forget()
        code = self._code_pages.make(number, memory.host_address + physical - memory.base)
        # It is about to hold decoded code.
        self._forbid_stores([number])
        index = index_of(address, self._state[_MSR])
        self._note(self._fetchers, number, index)
        is_news = self._remembered.tables[index + FETCH] != page
        self._note_filled(self._fetched, index, Filled(page, entry, number), is_news)
        self._quads[index // 2 + CODE_QUAD] = code
        self._words[index + FETCH] = page
        return True

# SPDX-License-Identifier: GPL-2.0-or-later
"""Running compiled code and serving its exits.

The code knows translations only from tables that this engine fills when an access misses, and
decoded pages only from those it hands out. It keeps two promises for them: a page that holds decoded
code is never writable without an exit, and a page that becomes writable loses its decoded code.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from paradrive.cpu.compiled import build, layout
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.host_memory import reserve
from paradrive.cpu.mmu import Access, TlbEntry
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.reference import Reference
from paradrive.cpu.state import ANSWERED, MSR_DS, MSR_IS, MSR_PR, NO_PAGE, TRANSLATIONS, offset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paradrive.cpu.core import Core
    from paradrive.cpu.ports import Memory

_WORDS_OF_TRANSLATION = 8
_READ, _WRITE, _FETCH, _DEVICE = range(4)  # words of a translation
_ADDEND, _CODE = 2, 3  # in 64-bit units
_MASK64 = (1 << 64) - 1

_REMAINING = offset_of("remaining") // 8
_CLOCK_LIMIT = offset_of("clock_limit") // 8
_ANSWER = offset_of("answer") // 8
_TRANSLATIONS = offset_of("translations") // 8
_PENDING = offset_of("pending") // 4
_MSR = offset_of("msr") // 4
_PC = offset_of("pc") // 4
_FAULT_ADDRESS = offset_of("fault_address") // 4
_STORE_VALUE = offset_of("store_value") // 4

_LIMIT = int(Exit.LIMIT)
_KIND = (1 << layout.SIZE_SHIFT) - 1
#: The guest decides how many different device registers it touches: forget them all beyond this number.
_ACCESSORS = 4096
#: Decoded pages that are kept, 16 KiB each; a guest that executes more starts over.
MAX_CODE_PAGES = 4096
_CODE_PAGE_STRIDE = -(-layout.CODE_PAGE_SIZE // 64) * 64
_NOTES = 1 << 16

_EMPTY_TABLE = memoryview(array("I", [NO_PAGE] * 4 + [0] * 4) * TRANSLATIONS)
#: Where a table of translations starts: word index, by whether it is the user's.
_TABLES = {0: offset_of("supervisor") // 4, MSR_PR: offset_of("user") // 4}


class CodePages:
    """The decoded forms of pages of RAM, by physical page number."""

    def __init__(self, prepare: Callable[[int, int], None]) -> None:
        self._prepare = prepare
        self._arena, self._start = reserve(MAX_CODE_PAGES * _CODE_PAGE_STRIDE)
        self._made: dict[int, tuple[int, int]] = {}
        #: The pages that may hold decoded code at present.
        self._in_use: set[int] = set()
        #: How often the places of pages have been given away.
        self.generation = 0

    def __len__(self) -> int:
        return len(self._made)

    def __contains__(self, page: int) -> bool:
        """Tell whether a page may hold decoded code."""
        return page in self._in_use

    def make(self, page: int, ram_address: int) -> int:
        """Return the decoded form of a page, an empty one if it has none; at most MAX_CODE_PAGES."""
        made = self._made.get(page)
        if made is None:
            made = self._made[page] = self._start + len(self._made) * _CODE_PAGE_STRIDE, ram_address
            self._prepare(*made)
        self._in_use.add(page)
        return made[0]

    def use(self, pages: Iterable[int]) -> None:
        """Note that pages which have been made are executed again."""
        self._in_use.update(pages)

    def empty(self, page: int) -> None:
        """Drop what has been decoded of a page."""
        if page in self._in_use:
            self._in_use.remove(page)
            self._prepare(*self._made[page])

    def clear(self) -> None:
        """Forget all pages; their places are given to others."""
        self._made.clear()
        self._in_use.clear()
        self.generation += 1


class CompiledEngine:
    """Executes instructions of a `Core` in compiled code, those that it cannot with the reference engine."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reference = Reference(core)
        self._code = build.load(core.model.name)
        self._words, self._quads = core.state.words, core.state.quads
        self._pages = CodePages(self._code.prepare_page)
        #: Which table entries (word indexes) allow writing to, or fetching from, a physical page.
        self._writers: dict[int, set[int]] = {}
        self._fetchers: dict[int, set[int]] = {}
        self._noted = 0
        self._remembered: tuple[list[bytes], dict[int, set[int]], int] = [], {}, -1
        self._readers_of_devices: dict[int, Callable[[], int]] = {}
        self._writers_of_devices: dict[int, Callable[[int], None]] = {}
        core.before_store = self._forget_code
        core.flushed = self._flush
        self._empty_tables()

    # Translations and decoded code

    def forget(self) -> None:
        """Forget everything derived from memory and the bus: both may have changed."""
        self._readers_of_devices.clear()
        self._writers_of_devices.clear()
        self._empty_tables()
        self._pages.clear()

    def _empty_tables(self) -> None:
        for start in _TABLES.values():
            self._words[start : start + len(_EMPTY_TABLE)] = _EMPTY_TABLE
        self._writers.clear()
        self._fetchers.clear()
        self._noted = 0

    def _note(self, entries: dict[int, set[int]], page: int, index: int) -> None:
        """Note that a table entry leads to ``page``; a guest that maps it in ever new places starts over."""
        self._noted += 1
        if self._noted > _NOTES:
            self._empty_tables()
        entries.setdefault(page, set()).add(index)

    def _flush(self, entry: TlbEntry | None) -> None:
        """Forget the translations that ``entry`` (None: any) may have given."""
        if entry is None or entry.size > PAGE_SIZE:
            self._empty_tables()
            return
        words = self._words
        place = (entry.epn >> 12 & TRANSLATIONS - 1) * _WORDS_OF_TRANSLATION
        for start in _TABLES.values():
            index = start + place
            words[index] = words[index + 1] = words[index + 2] = words[index + 3] = NO_PAGE

    def _forget_code(self, page: int) -> None:
        """Make a physical page writable: drop its decoded code and whatever leads there."""
        self._pages.empty(page)
        for index in self._fetchers.pop(page, ()):
            self._words[index + _FETCH] = NO_PAGE

    def _protect(self, page: int) -> None:
        """Have the next store to a physical page noticed: it is about to hold decoded code."""
        self._forbid_stores([page])

    def _forbid_stores(self, pages: Iterable[int]) -> None:
        for page in pages:
            for index in self._writers.pop(page, ()):
                self._words[index + _WRITE] = NO_PAGE
        self.core.forbid_stores()

    def remember(self, stored: Iterable[int]) -> None:
        """Have the next store to the pages stored to noticed, and keep the translations for ``recall``."""
        self._forbid_stores(stored)
        tables = [bytes(self._words[start : start + len(_EMPTY_TABLE)]) for start in _TABLES.values()]
        fetchers = {page: set(indexes) for page, indexes in self._fetchers.items()}
        self._remembered = tables, fetchers, self._pages.generation

    def recall(self, changed: Iterable[int]) -> None:
        """Return to the translations of ``remember``; the contents of the pages ``changed`` may be others."""
        for page in changed:
            self._pages.empty(page)
        self._empty_tables()
        tables, fetchers, generation = self._remembered
        if generation == self._pages.generation:
            for start, table in zip(_TABLES.values(), tables, strict=True):
                self._words[start : start + len(_EMPTY_TABLE)] = memoryview(table).cast("I")
            self._fetchers = {page: set(indexes) for page, indexes in fetchers.items()}
            self._pages.use(fetchers)

    def restore_pages(self, ram: Memory, copy: Memory, numbers: Iterable[int]) -> set[int]:
        """Give pages of RAM, by physical number, their contents in ``copy``; return those that had others."""
        places = array("Q", numbers)
        count = self._code.restore_pages(
            ram.host_address - ram.base, copy.host_address - copy.base, places.buffer_info()[0], len(places)
        )
        return set(places[:count])

    def _entry(self, address: int, access: Access) -> TlbEntry | None:
        """Return the TLB entry that allows an access, None where it raises; changes nothing."""
        msr = self._words[_MSR]
        space = bool(msr & (MSR_IS if access is Access.FETCH else MSR_DS))
        mmu = self.core.mmu
        entry = mmu.find(address, space, mmu.pids())
        return entry if entry is not None and self._allows(entry, access) else None

    def _allows(self, entry: TlbEntry, access: Access) -> bool:
        return entry.allows(access, bool(self._words[_MSR] & MSR_PR))

    def _index(self, address: int) -> int:
        """Return where the translation of ``address`` belongs, as an index of words."""
        start = _TABLES[self._words[_MSR] & MSR_PR]
        return start + (address >> 12 & TRANSLATIONS - 1) * _WORDS_OF_TRANSLATION

    def _fill(self, address: int, access: Access) -> bool:
        """Enter the translation of ``address`` for loads or stores; tell whether that can help."""
        entry = self._entry(address, access)
        if entry is None:
            return False
        page = address & ~(PAGE_SIZE - 1)
        physical = entry.rpn | page & entry.size - 1
        index = self._index(address)
        memory = self.core.bus.memory_at(physical)
        if memory is None:
            return self._fill_device(entry, index, page, physical)
        if access is Access.WRITE:
            fetched = self._entry(self._words[_PC], Access.FETCH)
            if (
                fetched is not None
                and physical == fetched.rpn | self._words[_PC] & -PAGE_SIZE & fetched.size - 1
            ):
                # Code that stores to its own page would lose it before it could store: one step in Python.
                return False
            self.core.note_store(physical >> 12)
        writable = self._may_store(entry, physical >> 12)
        if writable:
            # First of all: it may empty the tables, and a tag must never stand beside another's addend.
            self._note(self._writers, physical >> 12, index)
        words = self._words
        words[index + _DEVICE] = NO_PAGE
        self._quads[index // 2 + _ADDEND] = (memory.host_address + physical - memory.base - page) & _MASK64
        words[index + _READ] = page if self._allows(entry, Access.READ) else NO_PAGE
        words[index + _WRITE] = page if writable else NO_PAGE
        return True

    def _may_store(self, entry: TlbEntry, page: int) -> bool:
        """Tell whether a store to a physical page may go unnoticed: the page is noted, and holds no code."""
        noted = page in self.core.stored_pages and page not in self._pages
        return noted and self._allows(entry, Access.WRITE)

    def _fill_device(self, entry: TlbEntry, index: int, page: int, physical: int) -> bool:
        """Enter the translation of a page of devices; tell whether that can help."""
        words = self._words
        if words[index + _DEVICE] == page:
            return False  # what missed in spite of it is for the reference engine: lmw, dcbz ...
        if not self._allows(entry, Access.READ) or not self._allows(entry, Access.WRITE):
            return False
        words[index + _READ] = words[index + _WRITE] = NO_PAGE
        words[index + _DEVICE] = page
        self._quads[index // 2 + _ADDEND] = (physical - page) & _MASK64
        return True

    def _fill_fetch(self, address: int) -> bool:
        """Enter the translation of ``address`` for fetches; tell whether there is code in RAM there."""
        entry = self._entry(address, Access.FETCH)
        if entry is None:
            return False
        page = address & ~(PAGE_SIZE - 1)
        physical = entry.rpn | page & entry.size - 1
        memory = self.core.bus.memory_at(physical)
        if memory is None:
            return False
        number = physical >> 12
        if len(self._pages) >= MAX_CODE_PAGES:
            self.forget()
        code = self._pages.make(number, memory.host_address + physical - memory.base)
        self._protect(number)
        index = self._index(address)
        self._note(self._fetchers, number, index)
        self._quads[index // 2 + _CODE] = code
        self._words[index + _FETCH] = page
        return True

    # Execution

    def execute(self) -> None:
        """Run until the clock's limit, or until ``state.pending`` must be looked at."""
        words, quads, run = self._words, self._quads, self._code.run
        reader_of, writer_of = self._readers_of_devices.get, self._writers_of_devices.get
        state = self.core.state.host_address
        self._select_table()
        while True:
            code = run(state)
            # Device accesses are looked for first: there are most of them, and each microsecond counts.
            if (reader := reader_of(code)) is not None:
                quads[_ANSWER] = reader() | ANSWERED
            elif (writer := writer_of(code)) is not None:
                writer(words[_STORE_VALUE])
                quads[_ANSWER] = ANSWERED
            elif code == _LIMIT:
                self._finish_access()  # it may have scheduled an event for now
                return
            else:
                self._serve(code)
            if words[_PENDING]:
                self._finish_access()
                return

    def _serve(self, code: int) -> None:
        """Handle an exit other than a device access that has occurred before."""
        kind = code & _KIND
        if kind == Exit.DEVICE_READ:
            self._quads[_ANSWER] = self._reader(code)() | ANSWERED
            return
        if kind == Exit.DEVICE_WRITE:
            self._writer(code)(self._words[_STORE_VALUE])
            self._quads[_ANSWER] = ANSWERED
            return
        address = self._words[_FAULT_ADDRESS]
        within_page = (address & 0xFFF) + (code >> layout.SIZE_SHIFT & 0xFF) <= PAGE_SIZE
        if kind == Exit.FETCH_MISS:
            breakpoints = self.core.breakpoints
            if breakpoints.on_page_of(self._words[_PC]):
                if breakpoints.reach():
                    return
            elif self._fill_fetch(self._words[_PC]):
                return
        elif kind == Exit.LOAD_MISS:
            if within_page and self._fill(address, Access.READ):
                return
        elif kind == Exit.STORE_MISS and within_page and self._fill(address, Access.WRITE):
            return
        self.reference.step()
        self._select_table()

    def _select_table(self) -> None:
        """Point compiled code to the translations of the present privilege state."""
        table = _TABLES[self._words[_MSR] & MSR_PR]
        self._quads[_TRANSLATIONS] = self.core.state.host_address + 4 * table

    def _finish_access(self) -> None:
        """Complete an instruction whose device access has been answered, and no further one."""
        quads = self._quads
        if not quads[_ANSWER]:
            return
        left = max(0, quads[_REMAINING] - 1)
        quads[_CLOCK_LIMIT] += 1 - quads[_REMAINING]
        quads[_REMAINING] = 1
        while quads[_REMAINING]:
            code = self._code.run(self.core.state.host_address)
            if code != _LIMIT:
                self._serve(code)
        quads[_REMAINING] = left
        quads[_CLOCK_LIMIT] += left

    def _reader(self, code: int) -> Callable[[], int]:
        """Resolve a device read and remember it."""
        if len(self._readers_of_devices) >= _ACCESSORS:
            self._readers_of_devices.clear()
        size = code >> layout.SIZE_SHIFT & 0xFF
        reader = self._readers_of_devices[code] = self.core.bus.reader(code >> layout.ADDRESS_SHIFT, size)
        return reader

    def _writer(self, code: int) -> Callable[[int], None]:
        """Resolve a device write and remember it."""
        if len(self._writers_of_devices) >= _ACCESSORS:
            self._writers_of_devices.clear()
        size = code >> layout.SIZE_SHIFT & 0xFF
        writer = self._writers_of_devices[code] = self.core.bus.writer(code >> layout.ADDRESS_SHIFT, size)
        return writer

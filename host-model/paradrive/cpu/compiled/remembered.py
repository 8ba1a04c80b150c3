# SPDX-License-Identifier: GPL-2.0-or-later
"""The translations that hold in the state of a snapshot, which every return to it begins with.

They are those of the time when it was taken, and those that runs since then have missed: runs after a return
are mostly alike. The pages which they change are assumed to be stored to again, and need no exit to be
noticed; that ends for a page which is found unchanged at a return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.compiled.tables import (
    ADDEND,
    CODE,
    DEVICE,
    EMPTY_TABLES,
    FETCH,
    READ,
    WRITE,
    data_tags,
)
from paradrive.cpu.mmu import Access, TlbEntry
from paradrive.cpu.state import NO_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Set

#: Which entries of the tables, by index, lead to physical pages, by number.
Places = dict[int, tuple[int, ...]]
NOWHERE: tuple[int, ...] = ()
#: The tags of an entry, other than that for fetches, which is empty.
_NO_TAGS = NO_PAGE, NO_PAGE, NO_PAGE


def add_place(places: Places, page: int, index: int) -> None:
    """Note that an entry leads to a physical page."""
    known = places.get(page, NOWHERE)
    if index not in known:
        places[page] = (*known, index)


class Filled(NamedTuple):
    """What an entry of the tables was made of: an effective page, and the TLB entry that says where it is."""

    page: int
    entry: TlbEntry
    #: The number of the physical page.
    number: int


class Remembered:
    """Tables of translations, and what they lead to, or did once.

    No page of ``writers`` is one of ``fetchers``: compiled code may store to it without an exit.
    """

    def __init__(self) -> None:
        self.tables = memoryview(bytearray(EMPTY_TABLES)).cast("I")
        self.writers: Places = {}
        self.fetchers: Places = {}
        #: Indexes of translations which are of one process.
        self.private: set[int] = set()
        #: The processes whose translations hold after a return: their IDs, and 0 for what holds for all.
        self.processes: set[int] = {0}

    def forget(self) -> None:
        """Begin with nothing."""
        self.tables[:] = EMPTY_TABLES
        for places in (self.writers, self.fetchers, self.private):
            places.clear()

    def take(self, tables: memoryview, fetchers: Places, private: set[int], processes: Iterable[int]) -> None:
        """Begin with tables that allow no stores, and what they lead to besides what is known of it."""
        self.tables[:] = tables
        self.processes = {0, *processes}
        self.writers.clear()
        for page, indexes in fetchers.items():
            for index in indexes:
                add_place(self.fetchers, page, index)
        self.private |= private

    def learn(
        self,
        tables: memoryview,
        filled: Mapping[int, Filled],
        fetched: Mapping[int, Filled],
        changed: Set[int],
        unchanged: Iterable[int],
        holds: Callable[[Filled, Access], bool],
    ) -> None:
        """Take over what a run has filled in, for accesses to data and for fetches, by index.

        Of the physical pages that it may have stored to, by number, it has ``changed`` these and not those.
        ``holds`` tells whether a translation holds after the return.
        """
        for number in unchanged:
            for index in self.writers.pop(number, NOWHERE):
                self.tables[index + WRITE] = NO_PAGE
        for index, translation in filled.items():
            read, write, device = data_tags(tables, index)
            if translation.number not in changed or translation.number in self.fetchers:
                write = NO_PAGE
            is_new = (read, write, device) not in (_NO_TAGS, data_tags(self.tables, index))
            if is_new and holds(translation, Access.READ):
                self._learn_data(tables, index, translation, write)
        for index, translation in fetched.items():
            is_new = tables[index + FETCH] not in (NO_PAGE, self.tables[index + FETCH])
            # What a run has both executed and changed is rather data.
            if is_new and translation.number not in changed and holds(translation, Access.FETCH):
                self._learn_fetch(tables, index, translation)

    def _learn_data(self, tables: memoryview, index: int, translation: Filled, write: int) -> None:
        self.tables[index + READ] = tables[index + READ]
        self.tables[index + WRITE] = write
        self.tables[index + DEVICE] = tables[index + DEVICE]
        addend = slice(index + ADDEND.start, index + ADDEND.stop)
        self.tables[addend] = tables[addend]
        if write != NO_PAGE:
            add_place(self.writers, translation.number, index)
        if translation.entry.tid:
            self.private.add(index)

    def _learn_fetch(self, tables: memoryview, index: int, translation: Filled) -> None:
        page, entry, number = translation
        self.tables[index + FETCH] = page
        code = slice(index + CODE.start, index + CODE.stop)
        self.tables[code] = tables[code]
        add_place(self.fetchers, number, index)
        if entry.tid:
            self.private.add(index)

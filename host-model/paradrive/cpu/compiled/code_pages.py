# SPDX-License-Identifier: GPL-2.0-or-later
"""The decoded forms of pages of guest code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.compiled import layout
from paradrive.cpu.host_memory import reserve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

#: Decoded pages that are kept, 16 KiB each; a guest that executes more starts over.
MAX_CODE_PAGES = 4096
_CODE_PAGE_STRIDE = -(-layout.CODE_PAGE_SIZE // 64) * 64


class CodePages:
    """The decoded forms of pages of RAM, by physical page number."""

    def __init__(self, prepare: Callable[[int, int], None]) -> None:
        self._prepare = prepare
        self._arena, self._start = reserve(MAX_CODE_PAGES * _CODE_PAGE_STRIDE)
        self._made: dict[int, tuple[int, int]] = {}
        #: The pages that may hold decoded code at present; the set stays the same.
        self.in_use: set[int] = set()
        #: The pages that have been made, and those that have been emptied, since `start_over`.
        self._lately_made: set[int] = set()
        self.emptied: set[int] = set()

    def __len__(self) -> int:
        return len(self._made)

    def __contains__(self, page: int) -> bool:
        """Tell whether a page may hold decoded code."""
        return page in self.in_use

    def make(self, page: int, ram_address: int) -> int:
        """Return the decoded form of a page, an empty one if it has none; at most MAX_CODE_PAGES."""
        made = self._made.get(page)
        if made is None:
            made = self._made[page] = self._start + len(self._made) * _CODE_PAGE_STRIDE, ram_address
            self._prepare(*made)
        self.in_use.add(page)
        self._lately_made.add(page)
        return made[0]

    def use(self, pages: Iterable[int]) -> None:
        """Note that pages which have been made are executed again."""
        self.in_use.update(pages)

    def empty(self, pages: Iterable[int]) -> None:
        """Drop what has been decoded of these pages."""
        for page in self.in_use.intersection(pages):
            self.in_use.remove(page)
            self.emptied.add(page)
            self._prepare(*self._made[page])

    def empty_changed(self, pages: Set[int]) -> None:
        """Drop what has been decoded of pages that have been stored to since `start_over`, and then executed.

        Of the others nothing is left: a page of decoded code that is stored to is emptied before.
        """
        self.empty(self._lately_made & pages)

    def start_over(self) -> None:
        """Forget which pages have been made, and which emptied."""
        self._lately_made.clear()
        self.emptied.clear()

    def clear(self) -> None:
        """Forget all pages; their places are given to others."""
        self._made.clear()
        self.in_use.clear()
        self.start_over()

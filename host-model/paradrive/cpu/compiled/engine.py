# SPDX-License-Identifier: GPL-2.0-or-later
"""Running compiled code and serving its exits."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from paradrive.cpu.compiled import build, layout
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.compiled.tables import table_address
from paradrive.cpu.compiled.translations import Translations
from paradrive.cpu.mmu import Access
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.reference import Reference
from paradrive.cpu.state import ANSWERED, offset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Set

    from paradrive.cpu.core import Core
    from paradrive.cpu.ports import Memory

_REMAINING = offset_of("remaining") // 8
_CLOCK_LIMIT = offset_of("clock_limit") // 8
_ANSWER = offset_of("answer") // 8
_TRANSLATIONS = offset_of("translations") // 8
_PENDING = offset_of("pending") // 4
_PC = offset_of("pc") // 4
_FAULT_ADDRESS = offset_of("fault_address") // 4
_STORE_VALUE = offset_of("store_value") // 4

_LIMIT = int(Exit.LIMIT)
_KIND = (1 << layout.SIZE_SHIFT) - 1
#: The guest decides how many different device registers it touches: forget them all beyond this number.
_ACCESSORS = 4096


class CompiledEngine:
    """Executes instructions of a `Core` in compiled code, those that it cannot with the reference engine."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reference = Reference(core)
        self.code = build.shared(core.model.name)
        self._words, self._quads = core.state.words, core.state.quads
        self._translations = Translations(core, self.code.prepare_page)
        self._readers_of_devices: dict[int, Callable[[], int]] = {}
        self._writers_of_devices: dict[int, Callable[[int], None]] = {}

    def forget(self) -> None:
        """Forget everything derived from memory and the bus: both may have changed."""
        self.forget_devices()
        self._translations.forget()

    def forget_devices(self) -> None:
        """Forget what performs accesses to devices: that has changed, and nothing else."""
        self._readers_of_devices.clear()
        self._writers_of_devices.clear()

    def remember(self, stored: Iterable[int]) -> None:
        """Have the next store to the pages stored to noticed, and keep the translations for ``recall``."""
        self._translations.remember(stored)

    def recall(self, changed: Set[int], unchanged: Iterable[int]) -> Collection[int]:
        """Return to the translations of ``remember``; return the pages to which stores go unnoticed now."""
        return self._translations.recall(changed, unchanged)

    def restore_pages(self, ram: Memory, copy: Memory, numbers: Collection[int]) -> Collection[int]:
        """Copy pages back that are in ``ram``; return those for which that was not needed."""
        first, pages = ram.base // PAGE_SIZE, ram.size // PAGE_SIZE
        noted = array("Q", numbers)
        count = self.code.restore_pages(
            ram.host_address, copy.host_address, first, pages, noted.buffer_info()[0], len(noted)
        )
        return noted[:count]

    # Execution

    def execute(self) -> None:
        """Run until the clock's limit, or until ``state.pending`` must be looked at."""
        words, quads, run = self._words, self._quads, self.code.run
        reader_of, writer_of = self._readers_of_devices.get, self._writers_of_devices.get
        state = self.core.state.host_address
        self._select_table()
        while True:
            code = run(state)
            # Device accesses are looked for first: there are most of them, and each microsecond counts.
            if (reader := reader_of(code)) is not None:
                answer = reader()
                try:
                    quads[_ANSWER] = answer | ANSWERED
                except ValueError:  # negative, or of more than 64 bits
                    quads[_ANSWER] = answer & 0xFFFFFFFF | ANSWERED
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
            self._quads[_ANSWER] = self._reader(code)() & 0xFFFFFFFF | ANSWERED
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
            elif self._translations.fill_fetch(self._words[_PC]):
                return
        elif kind == Exit.LOAD_MISS:
            if within_page and self._translations.fill(address, Access.READ):
                return
        elif kind == Exit.STORE_MISS and within_page and self._translations.fill(address, Access.WRITE):
            return
        self.reference.step()
        self._select_table()

    def _select_table(self) -> None:
        """Point compiled code to the translations of the present privilege state."""
        self._quads[_TRANSLATIONS] = table_address(self.core.state)

    def _finish_access(self) -> None:
        """Complete an instruction whose device access has been answered, and no further one."""
        quads = self._quads
        if not quads[_ANSWER]:
            return
        left = max(0, quads[_REMAINING] - 1)
        quads[_CLOCK_LIMIT] += 1 - quads[_REMAINING]
        quads[_REMAINING] = 1
        while quads[_REMAINING]:
            code = self.code.run(self.core.state.host_address)
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

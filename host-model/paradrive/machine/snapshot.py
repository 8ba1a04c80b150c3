# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of a machine, to which it returns as often as wanted within this process.

RAM is copied once, and without its empty pages. After that the CPU notes which pages are stored to
for the first time, so that a restore looks at just those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.host_memory import reserve
from paradrive.cpu.ports import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from paradrive.cpu.ports import Memory
    from paradrive.cpu.vcpu import VcpuSnapshot
    from paradrive.devices.bus import Bus
    from paradrive.devices.pvctl import BootReason

EMPTY_PAGE = bytes(PAGE_SIZE)
_STRETCH = 16 * PAGE_SIZE
_EMPTY_STRETCH = bytes(_STRETCH)


class Progress(NamedTuple):
    """What the machine itself remembers of its guest."""

    resets: int
    #: Who has asked for a reset, which the next run begins with; None if nobody has.
    reset_requested: BootReason | None
    #: What is known of a panic, and how many executed instructions end it if nothing else does.
    panic_message: str | None
    panic_deadline: int
    #: The line on the console which the guest has not ended.
    console_line: bytes
    #: The guest has told of a crash since it was started.
    crashed: bool
    #: How often the kernel has panicked.
    panics: int
    #: Why the guest was started last.
    boot_reason: BootReason


class SavedRam:
    """A copy of a block of RAM, in which empty pages take no memory.

    Implements ``paradrive.cpu.ports.Memory``. Raises OSError where the host cannot reserve so much.
    """

    def __init__(self, memory: Memory) -> None:
        self.base, self.size = memory.base, memory.size
        self._mapping, self.host_address = reserve(memory.size, sparse=True)
        self.contents = memoryview(self._mapping)
        #: The physical numbers of the pages that are not empty.
        self.page_numbers: set[int] = set()
        for number, page in copy_pages([memory]).items():
            self.page_numbers.add(number)
            offset = number * PAGE_SIZE - self.base
            self.contents[offset : offset + PAGE_SIZE] = page

    def page(self, number: int) -> bytes:
        """Return the contents of the page of this physical number, which lies in the block."""
        offset = number * PAGE_SIZE - self.base
        return bytes(self.contents[offset : offset + PAGE_SIZE])


class MachineSnapshot(NamedTuple):
    """The state of a machine at one instruction; of use only to the one it was taken of."""

    vcpu: VcpuSnapshot
    #: What brings each device back.
    devices: tuple[Callable[[], None], ...]
    ram: tuple[SavedRam, ...]
    progress: Progress


def copy_pages(memories: Iterable[Memory]) -> dict[int, bytes]:
    """Return the pages of RAM that are not empty, by physical page number."""
    pages: dict[int, bytes] = {}
    for memory in memories:
        for start in range(0, memory.size, _STRETCH):
            stretch = bytes(memory.contents[start : start + _STRETCH])
            # Most of RAM is empty, and sixteen pages are looked at in half the time of each alone.
            if stretch != _EMPTY_STRETCH:
                first = (memory.base + start) // PAGE_SIZE
                pages |= _pages_of(stretch, first)
    return pages


def _pages_of(stretch: bytes, first: int) -> dict[int, bytes]:
    """Return the pages that are not empty of a stretch of RAM that begins with the page of this number."""
    offsets = range(0, len(stretch), PAGE_SIZE)
    pages = (stretch[offset : offset + PAGE_SIZE] for offset in offsets)
    return {number: page for number, page in enumerate(pages, first) if page != EMPTY_PAGE}


def differing_pages(one: MachineSnapshot, other: MachineSnapshot) -> set[int]:
    """Return the numbers of the pages in which two snapshots of the same machine differ."""
    return {
        number
        for ram, others in zip(one.ram, other.ram, strict=True)
        for number in ram.page_numbers | others.page_numbers
        if ram.page(number) != others.page(number)
    }


def restore_pages(bus: Bus, numbers: Iterable[int], pages: Mapping[int, bytes]) -> None:
    """Give the pages of these numbers the contents that ``pages`` has for them."""
    memory: Memory | None = None
    for number in numbers:
        address = number * PAGE_SIZE
        if memory is None or not 0 <= address - memory.base < memory.size:
            memory = bus.memory_at(address)
        if memory is not None:
            offset = address - memory.base
            memory.contents[offset : offset + PAGE_SIZE] = pages.get(number, EMPTY_PAGE)

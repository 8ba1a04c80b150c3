# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of a machine, to which it returns as often as wanted within this process.

RAM is copied once, and without its empty pages. After that the CPU notes which pages are stored to
for the first time, so that a restore copies back just those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.ports import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paradrive.cpu.ports import Memory
    from paradrive.cpu.vcpu import VcpuSnapshot
    from paradrive.devices.bus import Bus
    from paradrive.devices.device import State

EMPTY_PAGE = bytes(PAGE_SIZE)


class Progress(NamedTuple):
    """What the machine itself remembers of its guest."""

    resets: int
    #: The guest has asked for a reset, which the next run begins with.
    reset_requested: bool
    #: What is known of a panic, and how many executed instructions end it if nothing else does.
    panic_message: str | None
    panic_deadline: int
    #: The line on the console which the guest has not ended.
    console_line: bytes


class MachineSnapshot(NamedTuple):
    """The state of a machine at one instruction; ``pages`` are those of RAM that are not empty, by number."""

    vcpu: VcpuSnapshot
    devices: Mapping[str, State]
    pages: Mapping[int, bytes]
    progress: Progress


def copy_pages(memories: Iterable[Memory]) -> dict[int, bytes]:
    """Return the pages of RAM that are not empty, by physical page number."""
    pages = {}
    for memory in memories:
        for offset in range(0, memory.size, PAGE_SIZE):
            page = bytes(memory.view[offset : offset + PAGE_SIZE])
            if page != EMPTY_PAGE:
                pages[(memory.base + offset) // PAGE_SIZE] = page
    return pages


def differing_pages(one: MachineSnapshot, other: MachineSnapshot | None) -> set[int]:
    """Return the numbers of the pages in which two snapshots differ."""
    others: Mapping[int, bytes] = other.pages if other is not None else {}
    numbers = one.pages.keys() | others.keys()
    return {number for number in numbers if one.pages.get(number) != others.get(number)}


def restore_pages(bus: Bus, numbers: Iterable[int], pages: Mapping[int, bytes]) -> None:
    """Give the pages of these numbers the contents that ``pages`` has for them."""
    memory: Memory | None = None
    for number in numbers:
        address = number * PAGE_SIZE
        if memory is None or not 0 <= address - memory.base < memory.size:
            memory = bus.memory_at(address)
        if memory is not None:
            offset = address - memory.base
            memory.view[offset : offset + PAGE_SIZE] = pages.get(number, EMPTY_PAGE)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's RAM, as a host reads and writes it between two runs of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine


class GuestMemory:
    """RAM of one machine by physical address, and by effective address as far as the TLBs know it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def _view(self, address: int, size: int) -> memoryview:
        memory = self._machine.bus.memory_at(address)
        if size < 0 or memory is None or address + size > memory.base + memory.size:
            raise ValueError(f"no RAM holds the {size} bytes from physical address {address:#x}")
        offset = address - memory.base
        return memory.contents[offset : offset + size]

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes from a physical address; ValueError unless one RAM block holds them."""
        return bytes(self._view(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Write to a physical address; ValueError unless one RAM block holds all of it."""
        self._view(address, len(data))[:] = data
        self._machine.vcpu.memory_written(address, len(data))

    def physical(self, address: int) -> int | None:
        """Return the physical address to which the TLBs now translate the supervisor's ``address``.

        None where they do not: the guest's kernel would have to look into its page table.
        """
        mmu = self._machine.vcpu.mmu
        entry = mmu.find(address, False, mmu.pids())
        return None if entry is None else entry.rpn | address & entry.size - 1

    def read_word(self, address: int) -> int | None:
        """Return the big-endian word at the supervisor's effective ``address``, None where none is known."""
        physical = self.physical(address)
        if physical is None or address % 4:
            return None
        try:
            return int.from_bytes(self.read(physical, 4), "big")
        except ValueError:
            return None

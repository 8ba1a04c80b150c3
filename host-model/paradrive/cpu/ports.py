# SPDX-License-Identifier: GPL-2.0-or-later
"""What the core needs of the machine around it; the devices layer implements it.

The core comes before the devices in the order of the layers, so it states here, as protocols, what
it calls. Physical addresses have 36 bits. Values are unsigned; the byte order of the bus is big-endian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_SIZE = 4096


class Memory(Protocol):
    """A block of guest RAM, aligned to pages.

    ``base`` is its physical address, ``size`` its length in bytes, ``contents`` what it holds, as a
    writable memoryview of format 'B', ``host_address`` where these lie in this process.
    """

    base: int
    size: int
    contents: memoryview
    host_address: int


class PhysicalBus(Protocol):
    """The physical address map."""

    def memory_at(self, address: int) -> Memory | None:
        """Return the RAM block that holds this physical address, None where there is none."""

    def reader(self, address: int, size: int) -> Callable[[], int]:
        """Return the function that performs one device read of ``size`` (1, 2, 4, 8) bytes here.

        Never raises, whatever the address: a hole gives a function that records a guest error and
        returns 0. The result may be called any number of times until the map changes.
        """

    def writer(self, address: int, size: int) -> Callable[[int], None]:
        """Return the function that performs one device write of ``size`` bytes here; as ``reader``."""


class InterruptController(Protocol):
    """What drives the core's external interrupt input."""

    def acknowledge(self, cpu: int) -> int | None:
        """Acknowledge the pending interrupt of CPU number ``cpu`` for the external proxy (EPR).

        Returns its vector, or None when the controller does not operate as an external proxy
        (the guest then reads the acknowledge register itself).
        """

# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of what a guest did wrong: nothing that it does may raise in the host."""

from __future__ import annotations

from typing import NamedTuple


class GuestError(NamedTuple):
    """One access that the guest should not have made.

    ``offset`` counts from the device's first register, or is the physical address where no device is.
    """

    device: str
    offset: int
    size: int
    is_write: bool
    value: int

    def __str__(self) -> str:
        if self.is_write:
            return f"{self.device}: undefined {self.size}-byte write of {self.value:#x} at {self.offset:#x}"
        return f"{self.device}: undefined {self.size}-byte read at {self.offset:#x}"


class DmaError(NamedTuple):
    """One access of a device to memory where the guest has none; ``address`` is that of the device's bus."""

    device: str
    address: int
    size: int
    is_write: bool

    def __str__(self) -> str:
        access = "write to" if self.is_write else "read from"
        return f"{self.device}: DMA {access} {self.size} bytes at {self.address:#x}, which are not all RAM"


class ProtocolError(NamedTuple):
    """A request of the guest that the device refuses, as it breaks the protocol between the two."""

    device: str
    problem: str

    def __str__(self) -> str:
        return f"{self.device}: {self.problem}"


class GuestErrorLog:
    """Counts guest errors and keeps the first of them: a guest in a loop must not fill the host's memory."""

    LIMIT = 64

    def __init__(self) -> None:
        self.count = 0
        self.entries: list[GuestError | DmaError | ProtocolError] = []

    def record(self, error: GuestError | DmaError | ProtocolError) -> None:
        """Count ``error``, and keep it while there is room."""
        self.count += 1
        if len(self.entries) < self.LIMIT:
            self.entries.append(error)

    def clear(self) -> None:
        """Forget all errors."""
        self.count = 0
        self.entries.clear()

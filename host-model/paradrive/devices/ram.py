# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest RAM: anonymous memory of this process which the host fills with pages as they are touched."""

from __future__ import annotations

from paradrive.cpu.host_memory import reserve
from paradrive.cpu.ports import PAGE_SIZE


class Ram:
    """A block of RAM; implements ``paradrive.cpu.ports.Memory``.

    ``base`` is the physical address and ``size`` the length in bytes, both multiples of 4 KiB. The
    contents start as zeros. Raises ValueError where the block is misaligned, empty or more than
    the host can reserve.
    """

    def __init__(self, base: int, size: int) -> None:
        if base < 0 or size <= 0 or base % PAGE_SIZE or size % PAGE_SIZE:
            raise ValueError(f"RAM at {base:#x}, size {size:#x}: must cover whole pages of {PAGE_SIZE} bytes")
        try:
            self._mapping, self.host_address = reserve(size)
        except (OSError, OverflowError) as error:
            problem = f"the host cannot reserve it ({error})"
            raise ValueError(f"RAM at {base:#x}, size {size:#x}: {problem}") from None
        self.base = base
        self.size = size
        #: What the core, the loader and snapshots write. Everybody else writes through ``Dma``, or
        #: ``Machine.write_memory``: the core must know of it.
        self.contents = memoryview(self._mapping)
        #: The same, to look at.
        self.view = self.contents.toreadonly()

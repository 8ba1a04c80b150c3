# SPDX-License-Identifier: GPL-2.0-or-later
"""How decoded code lies in memory, and what compiled code returns.

Each page of guest code has a *code page*: a slot of 16 bytes for each of its 1024 instructions, one
slot behind them that leads to the next page, and the host address of the page's RAM. A slot holds
the address of its handler, the register numbers of the instruction, and one computed operand.
"""

from __future__ import annotations

from enum import IntEnum

SLOT_SIZE = 16
SLOTS = 1024
SLOTS_SIZE = SLOT_SIZE * SLOTS
#: Offset of the host address of the RAM page, behind the slot that ends the page.
RAM_ADDRESS = SLOTS_SIZE + SLOT_SIZE
CODE_PAGE_SIZE = RAM_ADDRESS + 8

#: Offsets within a slot. A lane holds five bits of the instruction, by the shift in the word.
LANES = {21: 8, 16: 9, 11: 11}
#: As the lane of shift 16, but 32 in place of 0: the register (rA|0).
LANE_OR_ZERO = 10
OPERAND = 12


class Exit(IntEnum):
    """Why compiled code returned: the low four bits of its result.

    For the misses and device accesses the size in bytes follows in eight bits; for device accesses
    then the physical address. ``state.fault_address`` is the effective address of a miss.
    """

    LIMIT = 0
    LOAD_MISS = 1
    STORE_MISS = 2
    FETCH_MISS = 3
    INTERPRET = 4
    DEVICE_READ = 5
    DEVICE_WRITE = 6


SIZE_SHIFT = 4
ADDRESS_SHIFT = 12

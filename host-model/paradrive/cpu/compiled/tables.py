# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the tables of translations lie (`Translation` in ``cpu.state``), as words and as quads.

There are two, for supervisor and user, one behind the other; an *index* is the place of an entry of either,
counted in words from the first.
"""

from __future__ import annotations

import ctypes
from array import array
from typing import TYPE_CHECKING

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.state import MSR_PR, NO_PAGE, TRANSLATIONS, Translation, offset_of

if TYPE_CHECKING:
    from paradrive.cpu.state import CoreState

READ, WRITE, FETCH, DEVICE = range(4)  # words of a translation
TAGS = 4
ADDEND, CODE = slice(4, 6), slice(6, 8)
ADDEND_QUAD, CODE_QUAD = 2, 3

WORDS_OF_TRANSLATION = ctypes.sizeof(Translation) // 4
WORDS_OF_TABLE = TRANSLATIONS * WORDS_OF_TRANSLATION
_MSR = offset_of("msr") // 4
_SUPERVISOR, _USER = offset_of("supervisor"), offset_of("user")
_START, _END = _SUPERVISOR // 4, _USER // 4 + WORDS_OF_TABLE

EMPTY_TABLES = memoryview(array("I", [NO_PAGE] * 4 + [0] * 4) * (2 * TRANSLATIONS))


def tables_of(state: CoreState) -> tuple[memoryview, memoryview]:
    """Return both tables of a core, as words and as quads."""
    return state.words[_START:_END], state.quads[_START // 2 : _END // 2]


def table_address(state: CoreState) -> int:
    """Return the host address of the table for the present privilege state."""
    return state.host_address + (_USER if state.words[_MSR] & MSR_PR else _SUPERVISOR)


def index_of(address: int, msr: int) -> int:
    """Return where the translation of an effective address belongs in this privilege state."""
    place = address // PAGE_SIZE % TRANSLATIONS * WORDS_OF_TRANSLATION
    return place + WORDS_OF_TABLE if msr & MSR_PR else place


def data_tags(tables: memoryview, index: int) -> tuple[int, int, int]:
    """Return the tags for reads, writes and devices of an entry of the tables, given as words."""
    return tables[index + READ], tables[index + WRITE], tables[index + DEVICE]

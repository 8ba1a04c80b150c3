# SPDX-License-Identifier: GPL-2.0-or-later
"""The architectural state of a core, laid out so that Python and compiled code share it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_U8, _U32, _U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64

#: Entries of each translation table; a power of two.
TRANSLATIONS = 1024

MSR_WE, MSR_CE, MSR_EE, MSR_PR = 1 << 18, 1 << 17, 1 << 15, 1 << 14
MSR_FP, MSR_ME, MSR_DE, MSR_IS, MSR_DS = 1 << 13, 1 << 12, 1 << 9, 1 << 5, 1 << 4
MSR_FE0, MSR_FE1, MSR_UCLE = 1 << 11, 1 << 8, 1 << 26

#: Reasons why compiled code or the run loop must look up, as bits of ``pending``.
PENDING_EXTERNAL, PENDING_DECREMENTER, PENDING_FIXED_INTERVAL, PENDING_WATCHDOG = 1, 2, 4, 8
PENDING_STOP, PENDING_WAIT, PENDING_RESET = 16, 32, 64
#: Something waits for the present instruction to be complete; never set between two runs.
PENDING_SYNCHRONIZE = 128


class Translation(ctypes.Structure):
    """What compiled code knows of one page of effective addresses.

    A tag that equals the page's effective address allows the access; tags of pages never have low
    bits, so NO_PAGE matches nothing. ``addend`` turns an effective address into one of this process
    (``read``, ``write``) or, for ``device``, into a physical address. ``code`` is the page's decoded code.
    """

    _fields_ = [
        ("read", _U32),
        ("write", _U32),
        ("fetch", _U32),
        ("device", _U32),
        ("addend", _U64),
        ("code", _U64),
    ]


NO_PAGE = 1

#: The bits that registers have, where they do not have all 32; no other is ever set.
REGISTER_MASKS = {"pc": 0xFFFFFFFC, "xer": 0xE000007F, "reservation": 0xFFFFFFFC}


class StateLayout(ctypes.Structure):
    """The memory behind `CoreState`, in the host's byte order."""

    _fields_ = [
        ("gpr", _U32 * 33),  # register 32 is always zero: what (rA|0) reads for rA = 0
        ("cr", _U8 * 32),  # one byte a bit, bit 0 the most significant
        ("so", _U32),
        ("ov", _U32),
        ("ca", _U32),
        ("xer_rest", _U32),  # the bits of XER that are neither SO, OV nor CA
        ("lr", _U32),
        ("ctr", _U32),
        ("pc", _U32),
        ("msr", _U32),
        ("reserved", _U32),  # 1 while a reservation is held
        ("reservation", _U32),  # its effective address
        ("fpscr", _U32),
        ("fpr", _U64 * 32),
        ("spr", _U32 * 1024),
        # What programs can observe ends here.
        ("pending", _U32),
        ("cache_line_size", _U32),
        ("virtual_page", _U32),  # effective address of the page that compiled code executes
        ("fault_address", _U32),  # effective address of the access that left compiled code
        ("store_value", _U32),
        ("padding", _U32),
        ("remaining", _U64),  # instructions until `clock_limit`
        ("clock_limit", _U64),  # guest time, in ns, at which compiled code must stop
        ("timebase_offset", _U64),  # ticks added by writes to the time base
        ("timebase_numerator", _U64),  # ticks per ns
        ("timebase_denominator", _U64),
        ("answer", _U64),  # result of a device access, with ANSWERED set, when its instruction restarts
        ("translations", _U64),  # host address of the table in use
        ("single", Translation * 1),  # room for one decoded instruction and the stop behind it
        ("supervisor", Translation * TRANSLATIONS),
        ("user", Translation * TRANSLATIONS),
    ]


ANSWERED = 1 << 32


def offset_of(name: str) -> int:
    """Return the offset of a member of `StateLayout` in bytes."""
    offset: int = getattr(StateLayout, name).offset
    return offset


def _word(name: str) -> property:
    """Make a property of a 32-bit member."""
    index = offset_of(name) // 4

    def get(state: CoreState) -> int:
        return state.words[index]

    def put(state: CoreState, value: int) -> None:
        state.words[index] = value

    return property(get, put, doc=f"The member ``{name}``, unsigned 32 bits.")


def _quad(name: str) -> property:
    """Make a property of a 64-bit member."""
    index = offset_of(name) // 8

    def get(state: CoreState) -> int:
        return state.quads[index]

    def put(state: CoreState, value: int) -> None:
        state.quads[index] = value

    return property(get, put, doc=f"The member ``{name}``, unsigned 64 bits.")


class CoreState:
    """The registers of a core.

    ``gpr``, ``spr`` (32-bit), ``fpr`` (64-bit) and ``cr`` (one byte a bit) are indexable by number;
    the rest are attributes. All are unsigned; a value out of range raises ValueError.
    """

    def __init__(self) -> None:
        self.block = StateLayout()
        self.host_address = ctypes.addressof(self.block)
        view = memoryview(self.block).cast("B")
        self.bytes = view
        self.words = view[: len(view) // 4 * 4].cast("I")
        self.quads = view[: len(view) // 8 * 8].cast("Q")
        gpr, cr, spr, fpr = (offset_of(name) for name in ("gpr", "cr", "spr", "fpr"))
        self.gpr = view[gpr : gpr + 33 * 4].cast("I")
        self.cr = view[cr : cr + 32]
        self.spr = view[spr : spr + 1024 * 4].cast("I")
        self.fpr = view[fpr : fpr + 32 * 8].cast("Q")
        #: Returns what a program can observe of the state: equal for equal states.
        self.architectural: Callable[[], bytes] = view[: offset_of("pending")].tobytes

    so = _word("so")
    ov = _word("ov")
    ca = _word("ca")
    xer_rest = _word("xer_rest")
    lr = _word("lr")
    ctr = _word("ctr")
    pc = _word("pc")
    msr = _word("msr")
    reserved = _word("reserved")
    reservation = _word("reservation")
    pending = _word("pending")
    cache_line_size = _word("cache_line_size")
    fpscr = _word("fpscr")
    remaining = _quad("remaining")
    clock_limit = _quad("clock_limit")
    timebase_offset = _quad("timebase_offset")
    timebase_numerator = _quad("timebase_numerator")
    timebase_denominator = _quad("timebase_denominator")

    @property
    def xer(self) -> int:
        """The integer exception register, put together from its parts."""
        so, ov, ca, rest = self.so, self.ov, self.ca, self.xer_rest
        value: int = so << 31 | ov << 30 | ca << 29 | rest
        return value

    @xer.setter
    def xer(self, value: int) -> None:
        self.so, self.ov, self.ca = value >> 31, value >> 30 & 1, value >> 29 & 1
        self.xer_rest = value & 0x7F

    def condition_register(self) -> int:
        """Return the condition register as a word."""
        value = 0
        for bit in self.cr:
            value = value << 1 | bit
        return value

# SPDX-License-Identifier: GPL-2.0-or-later
"""Where everything lies in the memory of a program of cases, and what a record of registers holds.

All addresses are effective addresses of the program, which is loaded from `BASE` on. The first 32 KiB
can be addressed without a base register: what the program needs while all registers belong to a case
lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

BASE = 0x1000

# Variables of the program, each a word.
RECORD, RESULT, REMAINING = 0x1000, 0x1004, 0x1008
REGISTER_0, REGISTER_1, MARK, SIGNAL, NO_RESERVATION = 0x100C, 0x1010, 0x1014, 0x1018, 0x101C
SIGNAL_ACTION, SIGNAL_STACK = 0x1020, 0x1040
VARIABLES = range(BASE, 0x1100)

#: Memory that a case may access without a base register, a window each.
LOW_WINDOWS = range(0x1100, 0x6F00, 0x100)
#: The code which all cases share.
CODE = 0x7000
#: Where branches may lead, each of `PAD_SIZE` bytes: below 32 KiB, before the stubs, and behind them.
PAD_SIZE, PADS_EACH = 16, 8
LOW_PADS = 0x7F80
HIGH_PADS = 0x10000
#: One stub for each case, which ends with the instruction under test and the branch behind it.
STUBS = HIGH_PADS + PAD_SIZE * PADS_EACH
STUB_SIZE = 16
#: The instruction under test, from the start of its stub.
INSTRUCTION_OFFSET = 8
#: Memory that a case accesses: starts and sizes are multiples of the largest cache block; starting a
#: quarter into a page, some of the windows cross pages.
WINDOW_SIZE = 0x100
_FIRST_WINDOW_IN_PAGE = 0x40
STACK_SIZE = 0x8000

#: The words of a record before an instruction and after it: r0 to r31, then these.
CR, XER, LR, CTR = 32, 33, 34, 35
#: Of a case: the address of its stub, and the address to be reserved before or 0.
STUB, RESERVE = 36, 37
#: Of a result: which pad was reached (0 is the instruction that follows), and the signal or 0.
REACHED, SIGNALLED = 36, 37
_INTEGER_WORDS = 38
#: In programs of floating-point cases f0 to f31 follow and a doubleword with FPSCR in its lower half.
FLOATING = 4 * _INTEGER_WORDS
FPSCR_INDEX = 32
#: Bits of XER that exist: SO, OV, CA and the byte count.
XER_BITS = 0xE000007F


@dataclass(frozen=True)
class Layout:
    """The memory of a program of ``capacity`` cases, with or without floating-point registers."""

    capacity: int
    floating_point: bool = False

    @cached_property
    def record_size(self) -> int:
        """Bytes of the record of a case, and of a result."""
        return FLOATING + (8 * (FPSCR_INDEX + 1) if self.floating_point else 0)

    @cached_property
    def pads(self) -> tuple[int, ...]:
        """The addresses of all pads; the first is number 1."""
        behind_stubs = STUBS + STUB_SIZE * self.capacity
        starts = (LOW_PADS, HIGH_PADS, behind_stubs)
        return tuple(start + PAD_SIZE * number for start in starts for number in range(PADS_EACH))

    @cached_property
    def records(self) -> int:
        """The address of the first case's record."""
        return _page_after(self.pads[-1] + PAD_SIZE)

    @cached_property
    def results(self) -> int:
        """The address of the first case's result."""
        return self.records + self.record_size * self.capacity

    @cached_property
    def windows(self) -> int:
        """The address of the first window."""
        return _page_after(self.results + self.record_size * self.capacity) + _FIRST_WINDOW_IN_PAGE

    @cached_property
    def end(self) -> int:
        """The address behind the last window: up to here memory is compared."""
        return self.windows + WINDOW_SIZE * self.capacity

    @cached_property
    def stack_end(self) -> int:
        """The address behind the stack for signals, and behind everything."""
        return _page_after(self.end) + STACK_SIZE

    def stub(self, number: int) -> int:
        """Return the address of a case's stub."""
        return STUBS + STUB_SIZE * number

    def instruction(self, number: int) -> int:
        """Return the address of a case's instruction."""
        return self.stub(number) + INSTRUCTION_OFFSET

    def record(self, number: int) -> int:
        """Return the address of a case's record."""
        return self.records + self.record_size * number

    def result(self, number: int) -> int:
        """Return the address of a case's result."""
        return self.results + self.record_size * number

    def window(self, number: int) -> int:
        """Return the address of a case's window."""
        return self.windows + WINDOW_SIZE * number


def _page_after(address: int) -> int:
    return (address + 0xFFF) & ~0xFFF

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report of a failed test tells about its guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.guest.call_chain import call_chain
from paradrive.host.printable import printable_lines

if TYPE_CHECKING:
    from paradrive.devices.bus import MmioAccess
    from paradrive.testing.booted import BootedGuest, TracedAccess


def sections(guest: BootedGuest) -> list[tuple[str, str]]:
    """Return the sections of the report, each with its title; the guest does not run for it."""
    machine = guest.machine
    innermost, *returns = call_chain(machine.vcpu.state, guest.memory)
    places = Places(guest, innermost, returns)
    chain = [places.describe(innermost), *map(places.describe_caller, returns)]
    accesses = [f"{_describe(traced.access)} at {places.of_access(traced)}" for traced in guest.accesses]
    texts = [
        ("guest console since the test began", guest.console),
        ("last device accesses of the guest", "\n".join(accesses)),
        ("call chain of the guest", "\n".join(chain)),
        ("guest errors", "\n".join(map(str, machine.bus.guest_errors.entries))),
    ]
    return [(title, printable_lines(text)) for title, text in texts]


class Places:
    """Tells what a guest's developer calls certain places in its code, asking for all source lines at once.

    They are those of the guest's accesses, of its next instruction, and where its functions return to.
    """

    def __init__(self, guest: BootedGuest, innermost: int, returns: list[int]) -> None:
        self._symbols = guest.symbols
        executed = [innermost, *(traced.pc for traced in guest.accesses)]
        called = [*returns, *(traced.lr for traced in guest.accesses)]
        self._lines = guest.source_lines([*executed, *map(_call_before, called)])

    def describe(self, address: int) -> str:
        """Return address, name and, where known, the source lines of an instruction."""
        return self._describe(address, address)

    def describe_caller(self, address: int) -> str:
        """Return the same of where a function returns to; the lines are those of the call."""
        return self._describe(address, _call_before(address))

    def of_access(self, traced: TracedAccess) -> str:
        """Return where an access was made, and where its function was called if that is in the driver."""
        place = self.describe(traced.pc)
        # A function that has called others has the link register point into itself.
        is_caller = self._symbols.at(traced.lr) != self._symbols.at(traced.pc)
        if is_caller and self._lines.get(_call_before(traced.lr)):
            return f"{place} from {self.describe_caller(traced.lr)}"
        return place

    def _describe(self, address: int, instruction: int) -> str:
        lines = self._lines.get(instruction)
        remark = f" ({', '.join(map(str, lines))})" if lines else ""
        return f"{address:#010x} {self._symbols.describe(address) or '?'}{remark}"


def _call_before(address: int) -> int:
    """Return the address of the instruction that called what returns to ``address``."""
    return address - 4


def _describe(access: MmioAccess) -> str:
    direction = "write" if access.is_write else "read "
    meaning = f" {access.meaning}" if access.meaning else ""
    return f"{access.device} {access.register} {direction} {access.value:#0{2 + 2 * access.size}x}{meaning}"

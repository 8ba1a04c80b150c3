# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report of a failed test tells about its guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.guest.call_chain import call_chain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paradrive.devices.bus import MmioAccess
    from paradrive.testing.booted import BootedGuest


def sections(guest: BootedGuest) -> list[tuple[str, str]]:
    """Return the sections of the report, each with its title; the guest does not run for it."""
    machine = guest.machine
    chain = call_chain(machine.vcpu.state, guest.memory)
    # All but the first are where a call returns to: the instruction before is the call.
    called_from = [(address, address if index == 0 else address - 4) for index, address in enumerate(chain)]
    places = Places(guest, [traced.pc for traced in guest.accesses] + [at for _, at in called_from])
    accesses = [
        f"{_describe_access(traced.access)} at {places.describe(traced.pc)}" for traced in guest.accesses
    ]
    return [
        ("guest console since the test began", guest.console),
        ("last device accesses of the guest", "\n".join(accesses)),
        ("call chain of the guest", "\n".join(places.describe(*place) for place in called_from)),
        ("guest errors", "\n".join(map(str, machine.bus.guest_errors.entries))),
    ]


class Places:
    """Tells what a guest's developer calls certain instructions."""

    def __init__(self, guest: BootedGuest, instructions: Iterable[int]) -> None:
        self._symbols = guest.symbols
        self._lines = guest.source_lines(instructions)

    def describe(self, address: int, instruction: int | None = None) -> str:
        """Return address, name and, where known, the source lines of ``instruction``, here unless given."""
        lines = self._lines.get(address if instruction is None else instruction, [])
        remark = f" ({', '.join(map(str, lines))})" if lines else ""
        return f"{address:#010x} {self._symbols.describe(address) or '?'}{remark}"


def _describe_access(access: MmioAccess) -> str:
    direction = "write" if access.is_write else "read "
    return f"{access.device} {access.register} {direction} {access.value:#0{2 + 2 * access.size}x}"

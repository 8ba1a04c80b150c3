# SPDX-License-Identifier: GPL-2.0-or-later
"""What the report of a failed test tells about its guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.guest.call_chain import call_chain

if TYPE_CHECKING:
    from paradrive.guest.symbols import Symbols
    from paradrive.testing.booted import BootedGuest, TracedAccess


def sections(guest: BootedGuest) -> list[tuple[str, str]]:
    """Return the sections of the report, each with its title; the guest does not run for it."""
    machine = guest.machine
    accesses = "\n".join(_describe_access(traced, guest.symbols) for traced in guest.accesses)
    chain = call_chain(machine.vcpu.state, guest.memory)
    return [
        ("guest console since the test began", guest.console),
        ("last device accesses of the guest", accesses),
        ("call chain of the guest", "\n".join(_describe_place(address, guest.symbols) for address in chain)),
        ("guest errors", "\n".join(map(str, machine.bus.guest_errors.entries))),
    ]


def _describe_place(address: int, symbols: Symbols) -> str:
    return f"{address:#010x} {symbols.describe(address) or '?'}"


def _describe_access(traced: TracedAccess, symbols: Symbols) -> str:
    access = traced.access
    direction = "write" if access.is_write else "read "
    value = f"{access.value:#0{2 + 2 * access.size}x}"
    return f"{access.device} {access.register} {direction} {value} at {_describe_place(traced.pc, symbols)}"

# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding the driver to its device through sysfs, and what the guest may not say meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.guest.agent import RequestRefusedError

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest

DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"
DEVICE = f"{DRIVER}/{NAME}"
#: What the kernel prints when it has found a mistake in itself.
COMPLAINTS = ("Oops", "BUG", "WARNING", "Call Trace", "Unable to handle", "refcount_t")


def bind(guest: BootedGuest) -> int:
    """Bind the driver; return the error number that ``probe`` has returned, 0 where it has succeeded."""
    try:
        guest.write(f"{DRIVER}/bind", NAME)
    except RequestRefusedError as refused:
        return refused.number
    return 0


def unbind(guest: BootedGuest) -> None:
    guest.write(f"{DRIVER}/unbind", NAME)


def complaints(guest: BootedGuest) -> list[str]:
    """Return the lines of the console in which the kernel complains of itself."""
    return [line for line in guest.console.splitlines() if any(text in line for text in COMPLAINTS)]

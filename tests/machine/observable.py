# SPDX-License-Identifier: GPL-2.0-or-later
"""What two machines are compared by."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from paradrive.machine.snapshot import copy_pages

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine


def everything(machine: Machine) -> dict[str, object]:
    """Return all that a guest could tell two machines apart by, as JSON can hold it."""
    pages = copy_pages(machine.memories)
    return {
        "registers": machine.vcpu.state.architectural().hex(),
        "time": machine.clock.now(),
        "instructions": machine.vcpu.instructions,
        "tlb0": [[list(entry) for entry in ways] for ways in machine.vcpu.mmu.tlb0],
        "tlb1": [list(entry) for entry in machine.vcpu.mmu.tlb1],
        "next_way": machine.vcpu.mmu.next_way,
        "timers": list(machine.vcpu.core.timers.save()),
        "devices": {path: device.save() for path, device in machine.devices.items()},
        "resets": machine.resets,
        "pages": {str(number): hashlib.sha256(page).hexdigest() for number, page in pages.items()},
    }

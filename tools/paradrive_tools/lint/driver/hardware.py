# SPDX-License-Identifier: GPL-2.0-or-later
"""What answers at the addresses of a tree: the machine's devices, without a core and without a kernel."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from paradrive.cpu.clock import Clock
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.devices.bus import Bus
from paradrive.devices.services import NoHost
from paradrive.machine.board import populate
from paradrive.machine.essentials import create_memory
from paradrive.machine.wiring import Surroundings, Wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.devicetree.node import DeviceTree
    from paradrive.machine.board import Board
    from paradrive.machine.device_models import Model


class Hardware:
    """The physical address space of the machine that a board makes of a tree, with the models of a user."""

    def __init__(
        self, board: Board, tree: DeviceTree, models: Mapping[str, Model] = MappingProxyType({})
    ) -> None:
        def ignore(warning: str) -> None:
            """What the machine complains of, the rules do in their own words."""

        self._bus = Bus()
        surroundings = Surroundings(
            Clock(),
            self._bus,
            memory_written=lambda address, size: None,
            interrupt_cpu=lambda level: None,
            processor_version=CPU_MODELS["e500v2"].pvr,
            host=lambda device: NoHost(),
        )
        self._memories = create_memory(tree, None, self._bus, ignore)
        populate(board, tree, Wiring(surroundings, ignore), models)

    def read(self, address: int) -> int:
        """Return the big-endian 32-bit word that a driver reads at a physical address, aligned or not.

        The core loads a word that lies on two pages byte by byte.
        """
        if address % PAGE_SIZE + 4 <= PAGE_SIZE:
            return self._bus.reader(address, 4)()
        return int.from_bytes(bytes(self._bus.reader(address + place, 1)() for place in range(4)), "big")

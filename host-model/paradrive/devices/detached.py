# SPDX-License-Identifier: GPL-2.0-or-later
"""Services for a device that no machine has: what tests of a device alone hand to it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from paradrive.cpu.clock import Clock
from paradrive.devices.bus import Bus
from paradrive.devices.dma import Dma
from paradrive.devices.ram import Ram
from paradrive.devices.services import DetachedNode, NoHost, Services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.devices.interrupt import InterruptLine
    from paradrive.devices.services import Host, Node


def detached(
    *,
    clock: Clock | None = None,
    ram: int = 0,
    node: Node | None = None,
    host: Host | None = None,
    lines: Mapping[int | str, InterruptLine] = MappingProxyType({}),
) -> Services:
    """Return services for `Device.attach`.

    Unless given, time stands still, the node has no properties, nothing comes of what the host is asked for,
    and interrupts lead nowhere. The guest has ``ram`` bytes of memory, from address 0 on. ``lines`` are those
    of interrupts, by index or name. Raises ValueError unless ``ram`` is a number of whole pages.
    """
    bus = Bus()
    if ram:
        bus.map_memory(Ram(0, ram))
    memory = Dma(bus, lambda address, size: None)
    return Services(clock or Clock(), memory, node or DetachedNode(), host or NoHost(), lines.get)

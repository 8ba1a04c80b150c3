# SPDX-License-Identifier: GPL-2.0-or-later
"""The drivers that are built into the guest's kernel, and so are there before a module's.

Source: Linux 6.12, drivers/bus/simple-pm-bus.c, drivers/tty/serial/8250/8250_of.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devicetree.linux_address import resources

if TYPE_CHECKING:
    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.linux.population import Population

BUS_DRIVER = "simple-pm-bus"
#: What it binds to, but only where it comes first in ``compatible``.
_BUSES = ("simple-bus", "simple-mfd", "isa", "arm,amba-bus")
_SERIAL_PORTS = ("ns8250", "ns16450", "ns16550a", "ns16550", "ns16750", "ns16850")
#: CONFIG_SERIAL_8250_NR_UARTS of the guest's kernel: the driver fails for more of them.
_MAX_SERIAL_PORTS = 2


class BuiltInDrivers:
    """What the built-in drivers bind to before a module is loaded."""

    def __init__(self, population: Population) -> None:
        ports = [device.node for device in population.devices if self._is_serial_port(device.node)]
        #: The nodes of UARTs which have a driver; the first is the console.
        self.serial_ports = ports[:_MAX_SERIAL_PORTS]

    def _is_serial_port(self, node: Node) -> bool:
        """Tell whether of_serial takes a device; it needs registers and a clock."""
        return (
            node.is_compatible(_SERIAL_PORTS)
            and bool(node.read_u32("clock-frequency"))
            and bool(resources(node))
        )

    def driver_of(self, node: Node) -> str:
        """Return the driver that binds to the device of a node, "" if none does."""
        if is_taken_for_bus(node):
            return BUS_DRIVER
        return "of_serial" if any(node is port for port in self.serial_ports) else ""


def is_taken_for_bus(node: Node) -> bool:
    """Tell whether the driver of buses binds to the device of a node, which may be more than a bus."""
    for index, name in enumerate(node.strings("compatible")):
        if name == BUS_DRIVER:
            return True
        if name in _BUSES:
            return index == 0
    return False

# SPDX-License-Identifier: GPL-2.0-or-later
"""The drivers that are built into the guest's kernel, and so are there before a module's.

Source: Linux 6.12, drivers/bus/simple-pm-bus.c, drivers/tty/serial/8250/8250_of.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.linux.address import resources

if TYPE_CHECKING:
    from paradrive.machine.devicetree import Node
    from paradrive_tools.lint.linux.tree import LinuxTree

#: What simple-pm-bus binds to, but only where it comes first in ``compatible``.
_BUSES = ("simple-bus", "simple-mfd", "isa", "arm,amba-bus")
_POWER_MANAGED_BUS = ("simple-pm-bus",)
_SERIAL_PORTS = ("ns8250", "ns16450", "ns16550a", "ns16550", "ns16750", "ns16850")


def built_in_driver(tree: LinuxTree, node: Node) -> str:
    """Return the built-in driver that binds to the device of a node, "" if none does."""
    if tree.is_compatible(node, _POWER_MANAGED_BUS) or next(tree.strings(node, "compatible"), "") in _BUSES:
        return "simple-pm-bus"
    return "of_serial" if is_serial_port(tree, node) else ""


def is_serial_port(tree: LinuxTree, node: Node) -> bool:
    """Tell whether of_serial binds to the device of a node; it needs registers and a clock."""
    return (
        tree.is_compatible(node, _SERIAL_PORTS)
        and bool(tree.read_u32(node, "clock-frequency"))
        and bool(resources(tree, node))
    )

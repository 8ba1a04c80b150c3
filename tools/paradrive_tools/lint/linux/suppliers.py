# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that others need: the kernel probes no device before those that its node refers to.

Source: Linux 6.12, drivers/of/property.c (of_supplier_bindings), drivers/base/core.c (fw_devlink).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive_tools.lint.linux.built_in import BuiltInDrivers

#: Properties that begin with the phandle of a supplier. On PowerPC, interrupts do not make one.
_SUPPLIERS = re.compile(
    r"clocks|interconnects|mboxes|io-channels|io-backends|power-domains|hwlocks|extcon|nvmem-cells|phys|"
    r"wakeup-parent|pinctrl-[0-8]|pwms|resets|leds|backlight|panel|msi-parent|pses|power-supplies|"
    r"access-controllers|.+-supply|(?:.+-)?gpios?"
)


class Suppliers:
    """Which device waits for which node."""

    def __init__(self, tree: DeviceTree, built_in: BuiltInDrivers, mpic: Node | None) -> None:
        self._tree = tree
        self._built_in = built_in
        self._mpic = mpic

    def supplier_of(self, node: Node) -> Node | None:
        """Return the first node that the device of ``node`` waits for in vain, None where there is none."""
        for name in node.properties:
            if _SUPPLIERS.fullmatch(name):
                for phandle in node.cells(name)[:1]:
                    supplier = self._tree.by_phandle(phandle)
                    if supplier is not None and not self._is_ready(node, supplier):
                        return supplier
        return None

    def _is_ready(self, node: Node, supplier: Node) -> bool:
        """Tell whether there is nothing to wait for (of_link_to_phandle, fwnode_dev_initialized)."""
        if supplier is self._mpic or self._built_in.driver_of(supplier):
            return True
        above = [supplier, *supplier.ancestors()]
        return node in above or not all(at.is_available for at in above)

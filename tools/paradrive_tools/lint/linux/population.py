# SPDX-License-Identifier: GPL-2.0-or-later
"""Which nodes become platform devices.

Source: Linux 6.12, drivers/of/platform.c (of_platform_bus_probe), drivers/of/device.c
(of_device_make_bus_id), arch/powerpc/platforms/85xx/common.c (mpc85xx_common_ids). On PowerPC nothing
else makes platform devices of nodes: the default population of other architectures is left out there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.fdt import BEGIN_NODE, END_NODE, PROPERTY
from paradrive.devicetree.linux_address import Untranslatable, translate
from paradrive.devicetree.node import CELL, DeviceTree, Match

if TYPE_CHECKING:
    from paradrive.devicetree.node import Node

#: The nodes whose children the platform makes devices of: what can be the parent of a device.
BUSES = (
    Match(device_type="soc"),
    Match(compatible="soc"),
    Match(compatible="simple-bus"),
    Match(name="cpm"),
    Match(name="localbus"),
    Match(compatible="gianfar"),
    Match(compatible="fsl,qe"),
    Match(compatible="fsl,cpm2"),
    Match(compatible="fsl,srio"),
    Match(compatible="fsl,eloplus-dma"),
    Match(compatible="fsl,mpc8548-guts"),
    Match(compatible="gpio-leds"),
    Match(compatible="fsl,mpc8540-pci"),
    Match(compatible="fsl,mpc8548-pcie"),
    Match(compatible="fsl,p1022-pcie"),
    Match(compatible="fsl,p1010-pcie"),
    Match(compatible="fsl,p1023-pcie"),
    Match(compatible="fsl,p4080-pcie"),
    Match(compatible="fsl,qoriq-pcie-v2.4"),
    Match(compatible="fsl,qoriq-pcie-v2.3"),
    Match(compatible="fsl,qoriq-pcie-v2.2"),
    Match(compatible="fsl,fman"),
    Match(compatible="fsl,ifc"),
)
_SKIPPED = (Match(compatible="operating-points-v2"),)
_PRIMECELL = (Match(compatible="arm,primecell"),)


class Device(NamedTuple):
    """A platform device: its node, and its name in sysfs."""

    node: Node
    name: str


class Population(NamedTuple):
    """The devices in the order in which they are made, and why each other node is not one, by its path."""

    devices: list[Device]
    left_out: dict[str, str]


def populate(tree: DeviceTree) -> Population:
    """Return what the platform makes of the tree."""
    walk = _Walk()
    if tree.root.matches(BUSES):
        walk.create(tree.root)
    else:
        for child in tree.root.children:
            if child.matches(BUSES):
                walk.create(child)
            else:
                walk.leave_out(child, "it is directly under the root, and no bus that the platform knows")
    return Population(walk.devices, walk.left_out)


class _Walk:
    """One walk over the tree."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self.devices: list[Device] = []
        self.left_out: dict[str, str] = {}

    def create(self, node: Node) -> None:
        """Make a device of ``node``, and of its children if it is a bus (of_platform_bus_create)."""
        reason = self._reason_against(node)
        if reason:
            self.leave_out(node, reason)
            return
        device = Device(node, device_name(node))
        self._names.add(device.name)
        self.devices.append(device)
        if not node.matches(BUSES):
            for child in node.children:
                self.leave_out(child, f"its parent {node.path} is no bus that the platform knows")
            return
        for child in node.children:
            self.create(child)

    def leave_out(self, node: Node, reason: str) -> None:
        """Note that neither ``node`` nor anything below becomes a device."""
        self.left_out[node.path] = reason
        for below in node.walk():
            if below is not node:
                self.left_out[below.path] = f"{node.path}, above it, is left out: {reason}"

    def _reason_against(self, node: Node) -> str:
        """Return why no device is made of ``node``, "" if one is."""
        if node.matches(_SKIPPED):
            return "operating points are no device"
        if node.matches(_PRIMECELL):
            return "an arm,primecell becomes a device of the AMBA bus, which PowerPC does not have"
        if not node.is_available:
            status = next(iter(node.strings("status")), "")
            return f'its status "{status}" is neither "okay" nor "ok"'
        if device_name(node) in self._names:
            return f"a device named {device_name(node)} exists already"
        return ""


def device_name(node: Node) -> str:
    """Return the name of the device of a node (of_device_make_bus_id)."""
    name = ""
    at: Node | None = node
    while at is not None and at.parent is not None:
        suffix = f":{name}" if name else ""
        address = _unit_address(at)
        if address is not None:
            mask = at.read_u32("mask")
            # ffs() counts from 1, and the name shows it as a hexadecimal integer.
            bit = "" if mask is None else f".{((mask & -mask).bit_length() - 1) & 0xFFFF_FFFF:x}"
            return f"{address:x}{bit}.{at.base_name}{suffix}"
        name = f"{at.name}{suffix}"
        at = at.parent
    return name


def _unit_address(node: Node) -> int | None:
    """Return the translated first address of ``reg``, None where there is none."""
    if "reg" not in node.properties or node.parent is None:
        return None
    try:
        # Linux reads as many cells as the bus says, past the end of a short reg: into what follows it.
        return translate(node, [*_padded_cells(node, "reg"), _token_after(node, "reg"), 0, 0, 0])
    except Untranslatable:
        return None


def _padded_cells(node: Node, name: str) -> list[int]:
    """Return a property as the cells that it takes up in the blob, of which zeros fill the last one."""
    value = node.properties[name]
    starts = range(0, len(value), CELL)
    return [int.from_bytes(value[start : start + CELL].ljust(CELL, b"\0"), "big") for start in starts]


def _token_after(node: Node, name: str) -> int:
    """Return the token that follows a property in the blob (Devicetree specification, 5.4.1)."""
    is_last = list(node.properties)[-1] == name
    token: int = PROPERTY if not is_last else BEGIN_NODE if node.children else END_NODE
    return token

# SPDX-License-Identifier: GPL-2.0-or-later
"""How large a tree may be to be linted.

Rules compare devices with each other, and say so plainly; it is the size of the tree that bounds their time.
What QEMU generates for these machines has some 20 nodes and 5 KiB of properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.devicetree.node import DeviceTree

MAX_NODES = 1 << 10
#: Bytes, of all properties together.
MAX_PROPERTIES_SIZE = 1 << 14


def check_size(tree: DeviceTree) -> None:
    """Raise DeviceTreeError, which names the tree, if it is too large to be linted."""
    nodes = list(tree.root.walk())
    if len(nodes) > MAX_NODES:
        raise tree.error(f"has more than {MAX_NODES} nodes")
    if sum(len(value) for node in nodes for value in node.properties.values()) > MAX_PROPERTIES_SIZE:
        raise tree.error(f"has more than {MAX_PROPERTIES_SIZE} bytes of properties")

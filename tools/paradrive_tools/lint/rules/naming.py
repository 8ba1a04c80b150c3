# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about names: of nodes, and of what they are compatible with."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from paradrive.devicetree.linux_address import entries
from paradrive_tools.lint.driver.pvctl import COMPATIBLE
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.linux.population import device_name
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.subject import Subject

#: Names that are as much alike as this were meant to be the same; 1 is equal.
_ALIKE = 0.85


@rule("compatible-missing", Severity.ERROR, hint=f'Add compatible = "{COMPATIBLE[0]}";')
def compatible_missing(subject: Subject) -> Iterator[Problem]:
    """A node that is called pvctl does not say what it is compatible with.

    Drivers are found by ``compatible`` alone; the name of a node is for people. Without it, the kernel
    makes a device of the node, for which there is no driver, and no error tells of it. A node that is called
    pvctl is checked for what it must have been meant to be.

    Wrong:

        pvctl@0 { reg = <0x0 0x1000>; };

    Right:

        pvctl@0 { compatible = "qemu,pvctl"; reg = <0x0 0x1000>; };
    """
    for node in subject.pvctl_nodes:
        if not node.properties.get("compatible"):
            yield Problem(node, "has no compatible", "compatible")


@rule("compatible-unknown", Severity.ERROR, hint=f'Write compatible = "{COMPATIBLE[0]}";')
def compatible_unknown(subject: Subject) -> Iterator[Problem]:
    """A node is compatible with something that looks like the driver's name for it, but is not.

    The kernel compares the whole string, but for the case of its letters. A driver whose table does not
    have it does not bind, and nothing says so. Several names are several strings, the most specific first:
    in one string they are one name.

    Wrong:

        compatible = "qemu,pvclt";    compatible = "pvctl";    compatible = "qemu,pvctl,simple-bus";

    Right:

        compatible = "qemu,pvctl";
    """
    for node in subject.tree.root.walk():
        names = list(node.strings("compatible"))
        if not names or node.is_compatible(COMPATIBLE):
            continue
        if node in subject.pvctl_nodes or any(map(_is_alike, names)):
            yield Problem(
                node, f"is compatible with {', '.join(names)}, not with {COMPATIBLE[0]}", "compatible"
            )


def _is_alike(name: str) -> bool:
    return any(SequenceMatcher(None, name[:80], known).ratio() >= _ALIKE for known in COMPATIBLE)


@rule("unit-address", Severity.WARNING, hint="Write the first address of reg behind the @, in lower case.")
def unit_address(subject: Subject) -> Iterator[Problem]:
    """The unit address in a node's name is not the address in its ``reg``.

    The Devicetree specification (2.2.1.1) wants the two equal, and no unit address without ``reg``. The
    kernel does not compare them; people, and tools that look for nodes by name, do. The unit address is the
    first address of reg as the node's own bus has it, not as the CPU sees it: hexadecimal, lower case,
    without 0x and without leading zeros.

    Wrong:

        pvctl@f00001000 { reg = <0x1000 0x1000>; ... };

    Right:

        pvctl@1000 { reg = <0x1000 0x1000>; ... };
    """
    for node in subject.driver_nodes:
        _, at, text = node.name.partition("@")
        address = next((cells for cells, _ in entries(node)), None)
        if address is None:
            if at and "reg" not in node.properties:
                yield Problem(node, f"has the unit address {text}, but no reg")
            continue
        number = 0
        for cell in address:
            number = number << 32 | cell
        if text != f"{number:x}":
            yield Problem(node, f"its unit address should be {number:x}, not {text or 'missing'}")


@rule(
    "duplicate-node",
    Severity.ERROR,
    hint="Remove one, or give each a name, a unit address and a reg of its own.",
)
def duplicate_node(subject: Subject) -> Iterator[Problem]:
    """Two nodes have the same path, or their devices the same name.

    Of two siblings with one name, paths and aliases reach only the first. The kernel names a device by its
    translated address and its node's name ("f00000000.pvctl") and makes no second one of a name that exists:
    "sysfs: cannot create duplicate filename". That happens also to two nodes in different places, if they
    are called the same and lead to one address.

    Wrong, twice in one bus:

        pvctl@0 { reg = <0x0 0x1000>; ... };    pvctl@0 { reg = <0x1000 0x1000>; ... };

    Right:

        pvctl@0 { reg = <0x0 0x1000>; ... };    pvctl@1000 { reg = <0x1000 0x1000>; ... };
    """
    seen: dict[str, Node] = {}
    for node in (node for node in subject.driver_nodes if node.is_available):
        first = seen.setdefault(device_name(node), node)
        if first is not node:
            yield Problem(node, f"its device has the name {device_name(node)} of {first.path}")
        if node.parent is not None and sum(other.name == node.name for other in node.parent.children) > 1:
            yield Problem(node, f"{node.parent.path} has two children of this name")

# SPDX-License-Identifier: GPL-2.0-or-later
"""The aliases by which userland finds the module for a device: what a node is called, and what a module says.

Source: Linux 6.12, drivers/of/module.c (of_modalias), scripts/mod/file2alias.c (do_of_entry_multi).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paradrive.devicetree.node import Node

#: How the aliases begin that match nodes of a device tree.
OF_PREFIX = "of:"
#: What printf() makes of the type of a node without ``device_type``.
_NO_TYPE = "(null)"


def modalias(node: Node) -> str:
    """Return what the kernel calls the node's device in its MODALIAS."""
    given_type = node.device_type
    device_type = _NO_TYPE if given_type is None else given_type
    compatible = "".join(f"C{name.replace(' ', '_')}" for name in node.strings("compatible"))
    return f"{OF_PREFIX}N{node.base_name}T{device_type}{compatible}"


def is_alias_of(aliases: Iterable[str], node: Node) -> bool:
    """Tell whether one of ``aliases`` makes userland load its module for the node; their case counts."""
    name = modalias(node)
    return any(fnmatchcase(name, alias) for alias in aliases)


def compatible_of(alias: str) -> str:
    """Return the ``compatible`` that an alias asks for, "" where it asks for none."""
    return alias.partition("T")[2].partition("C")[2].removesuffix("C*")

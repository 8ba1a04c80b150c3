# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules look at: one tree, the machine it is for, and the driver and configuration to go with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from paradrive.devices.pvctl import Pvctl
from paradrive_tools.lint.linux.tree import LinuxTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.machine.board import Board
    from paradrive.machine.devicetree import DeviceTree, Node
    from paradrive_tools.lint.finding import Finding
    from paradrive_tools.lint.source_map import SourceMap


class Subject:
    """One tree to be linted.

    ``name`` is what it is called in findings; ``source_map`` tells where in the sources its nodes are, empty
    for a blob; ``compiler_findings`` are what dtc has said already when it compiled the source.
    """

    def __init__(
        self,
        name: str,
        blob: bytes,
        tree: DeviceTree,
        board: Board,
        *,
        source_map: SourceMap,
        compiler_findings: Sequence[Finding] = (),
    ) -> None:
        self.name = name
        self.blob = blob
        self.tree = tree
        self.board = board
        self.source_map = source_map
        self.compiler_findings = tuple(compiler_findings)

    @cached_property
    def linux(self) -> LinuxTree:
        """The tree as Linux sees it."""
        return LinuxTree(self.tree)

    @cached_property
    def pvctl_nodes(self) -> list[Node]:
        """The nodes that say they are a pvctl, or were meant to (by their names)."""
        return [node for node in self.tree.root.walk() if self._is_pvctl(node)]

    def _is_pvctl(self, node: Node) -> bool:
        return self.linux.is_compatible(node, Pvctl.compatible) or node.name.partition("@")[0] == "pvctl"

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules look at: one tree, the machine it is for, and the driver and configuration to go with it."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from paradrive.devices.pvctl import Pvctl
from paradrive.devicetree.linux_interrupts import EndlessSearch, find_interrupt
from paradrive_tools.lint.driver.prediction import Prediction, predict
from paradrive_tools.lint.driver.pvctl import has_guts_reset
from paradrive_tools.lint.linux.interrupts import Interrupts
from paradrive_tools.lint.linux.population import populate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive.machine.board import Board
    from paradrive.machine.device_models import Model
    from paradrive_tools.lint.driver.kernel import Kernel
    from paradrive_tools.lint.driver.module import Module
    from paradrive_tools.lint.finding import Finding
    from paradrive_tools.lint.kconfig.configuration import Configuration
    from paradrive_tools.lint.linux.population import Population
    from paradrive_tools.lint.source.source_map import SourceMap


class Subject:
    """One tree to be linted.

    ``name`` is what it is called in findings; ``source_map`` tells where in the sources its nodes are, empty
    for a blob; ``compiler_findings`` are what dtc said when it compiled the source, None for a blob.
    ``module`` is the driver to go with the tree, ``kernel`` the one that boots with it, ``configuration`` the
    one that the driver is to be built with; None where it is not given, and nothing is said of it. ``models``
    are device models besides the board's.
    """

    def __init__(
        self,
        name: str,
        blob: bytes,
        tree: DeviceTree,
        board: Board,
        *,
        source_map: SourceMap,
        compiler_findings: Sequence[Finding] | None = None,
        module: Module | None = None,
        kernel: Kernel | None = None,
        configuration: Configuration | None = None,
        models: Mapping[str, Model] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.blob = blob
        self.tree = tree
        self.board = board
        self.source_map = source_map
        self.compiler_findings = compiler_findings
        self.module = module
        self.kernel = kernel
        self.configuration = configuration
        self.models = models

    @cached_property
    def population(self) -> Population:
        """Which nodes the kernel makes platform devices of."""
        return populate(self.tree)

    @cached_property
    def prediction(self) -> Prediction:
        """What the kernel and pvctl will do with the tree."""
        return predict(self.tree, self.board, self.models, self.population, self.interrupts)

    @cached_property
    def interrupts(self) -> Interrupts:
        """The interrupts of the tree; where there is an ``endless_search``, not to be asked."""
        return Interrupts(self.tree)

    @cached_property
    def endless_search(self) -> EndlessSearch | None:
        """Where the kernel searches for the controller of an interrupt in a circle."""
        try:
            for node in self.tree.root.walk():
                find_interrupt(node)
        except EndlessSearch as found:
            return found
        return None

    @cached_property
    def driver_nodes(self) -> list[Node]:
        """The nodes that the driver is for: those of pvctl, and those which ``module`` takes."""
        found = {id(node) for node in self.pvctl_nodes}
        if self.module is not None:
            found |= {id(node) for node in self.tree.root.walk() if self.module.takes(node)}
        return [node for node in self.tree.root.walk() if id(node) in found]

    def is_soc(self, node: Node) -> bool:
        """Tell whether a node describes the SoC: its ``ranges`` are the window of its registers, CCSR."""
        names = node.strings("compatible")
        return node.device_type == "soc" or any(name.endswith("-immr") for name in names)

    @cached_property
    def has_guts_reset(self) -> bool:
        """Whether the kernel restarts the machine through the SoC's global utilities, too."""
        return has_guts_reset(self.tree)

    @cached_property
    def pvctl_nodes(self) -> list[Node]:
        """The nodes that say they are a pvctl, or were meant to (by their names)."""
        return [node for node in self.tree.root.walk() if self._is_pvctl(node)]

    def _is_pvctl(self, node: Node) -> bool:
        return node.is_compatible(Pvctl.compatible) or node.name.partition("@")[0] == "pvctl"

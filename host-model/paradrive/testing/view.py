# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test sees of any guest: its console, and its devices by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from paradrive.devices.device import Device
from paradrive.devices.pvctl import Pvctl

if TYPE_CHECKING:
    from paradrive.devices.ns16550 import Ns16550
    from paradrive.devicetree.node import DeviceTree
    from paradrive.guest.console import Console
    from paradrive.machine.machine import Machine

AnyDevice = TypeVar("AnyDevice", bound=Device)


class MachineView:
    """A machine, the tree that it was built from, and the console that it prints to."""

    machine: Machine
    tree: DeviceTree
    _console: Console

    @property
    def console(self) -> str:
        """What the guest has sent to its console since the test began."""
        return self._console.output.decode("ascii", "replace")

    def type_text(self, text: str) -> None:
        """Let the guest's console receive text, once the guest runs; LookupError where it has no console."""
        self._console_port().receive(text.encode())

    def send_break(self) -> None:
        """Let the console receive a serial break after what has been typed."""
        self._console_port().receive_break()

    def _console_port(self) -> Ns16550:
        if self.machine.console is None:
            raise LookupError("the machine has no console")
        return self.machine.console

    def device(self, kind: type[AnyDevice]) -> AnyDevice:
        """Return the machine's only device of this class.

        LookupError unless there is exactly one; ``machine.devices`` has all of them, by the paths of their
        nodes.
        """
        found = {path: one for path, one in self.machine.devices.items() if isinstance(one, kind)}
        if len(found) != 1:
            count = f"the machine has {len(found)} devices of class {kind.__name__}"
            raise LookupError("; ".join((count, *(found or self._warnings_of(kind)))))
        return next(iter(found.values()))

    def _warnings_of(self, kind: type[Device]) -> list[str]:
        """Return what is said of the nodes that this class is a model of."""
        nodes = (node for node in self.tree.root.walk() if {*kind.compatible} & {*node.compatible})
        paths = tuple(f"{node.path}:" for node in nodes)
        return [warning for warning in self.machine.warnings if warning.startswith(paths)]

    @property
    def pvctl(self) -> Pvctl:
        """The machine's pvctl."""
        return self.device(Pvctl)

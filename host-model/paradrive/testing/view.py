# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test sees of any guest: its console, and its devices by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from paradrive.devices.device import Device
from paradrive.devices.pvctl import Pvctl

if TYPE_CHECKING:
    from paradrive.devices.ns16550 import Ns16550
    from paradrive.guest.console import Console
    from paradrive.machine.machine import Machine

AnyDevice = TypeVar("AnyDevice", bound=Device)


class MachineView:
    """A machine and the console that it prints to."""

    machine: Machine
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
        """Return the machine's only device of this class; LookupError unless there is exactly one."""
        found = [device for device in self.machine.devices.values() if isinstance(device, kind)]
        if len(found) != 1:
            raise LookupError(f"the machine has {len(found)} devices of class {kind.__name__}")
        return found[0]

    @property
    def pvctl(self) -> Pvctl:
        """The machine's pvctl."""
        return self.device(Pvctl)

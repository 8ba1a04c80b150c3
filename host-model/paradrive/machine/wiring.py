# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections between the devices of one machine: interrupts, the console, the machine as host."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.machine.blob import DeviceTreeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.clock import Clock
    from paradrive.cpu.models import CpuModel
    from paradrive.devices.interrupt import InterruptLine
    from paradrive.devices.mpic import Mpic
    from paradrive.devices.ns16550 import Ns16550
    from paradrive.devices.pvctl import PvctlHost
    from paradrive.devices.pvpanic import PvpanicEvent
    from paradrive.machine.devicetree import Node


class Surroundings(NamedTuple):
    """What is there before the devices are: guest time, the core, and the machine around them."""

    clock: Clock
    cpu_model: CpuModel
    #: The core's external interrupt input.
    interrupt_cpu: Callable[[bool], None]
    #: Called with each byte which the console's UART sends.
    transmit: Callable[[int], None]
    #: Called when the guest asks the board for a reset.
    reset_requested: Callable[[], None]
    pvctl_host: PvctlHost
    #: Called with each event which the guest reports through pvpanic.
    pvpanic_event: Callable[[PvpanicEvent], None] = lambda event: None


class Wiring:
    """The connections of one machine, which grow while its devices are built, interrupt controller first."""

    def __init__(
        self,
        surroundings: Surroundings,
        console_node: Node | None,
        warn: Callable[[str], None] = lambda warning: None,
    ) -> None:
        self.surroundings = surroundings
        #: Called with a line for each thing that the tree is wrong about.
        self.warn = warn
        #: The node of the UART which is the kernel's console, None where the tree names none.
        self.console_node = console_node
        self.console: Ns16550 | None = None
        #: All UARTs, by the paths of their nodes.
        self.serial_ports: dict[str, Ns16550] = {}
        self.mpic: Mpic | None = None
        self._mpic_node: Node | None = None

    def ensure_console(self, wanted: str) -> None:
        """Let the first UART be the console where the tree names none, as QEMU does.

        Warns where it does name one, ``wanted``, of which there is no working UART.
        """
        if self.console is None and self.serial_ports:
            path, self.console = next(iter(self.serial_ports.items()))
            self.console.transmit = self.surroundings.transmit
            if wanted:
                self.warn(f"/chosen: there is no UART {wanted}, its stdout-path: the console is {path}")

    def warn_of(self, node: Node, consequence: str, error: DeviceTreeError) -> None:
        """Warn of what a node lacks because of an error in it, or in one of those that it depends on."""
        reason = error.reason.removeprefix(f"{node.path}: ")
        self.warn(f"{node.path}: {consequence}: {reason}")

    def add_interrupt_controller(self, node: Node, mpic: Mpic) -> None:
        """Let the devices built from now on raise their interrupts at ``mpic``; it must be the first."""
        if self.mpic is not None:
            raise node.error("is a second interrupt controller, and the CPU has one input")
        self.mpic = mpic
        self._mpic_node = node

    def first_interrupt(self, node: Node) -> InterruptLine | None:
        """Return a new line for the node's first interrupt, None where the tree gives it none.

        Warns, and returns None, when it goes to something without a model, or to no existing input.
        """
        try:
            return self._line(node)
        except DeviceTreeError as error:
            self.warn_of(node, "its interrupt is connected to nothing", error)
            return None

    def _line(self, node: Node) -> InterruptLine | None:
        specifiers = node.interrupts()
        if not specifiers:
            return None
        controller, cells = specifiers[0]
        if self.mpic is None or controller is not self._mpic_node:
            raise node.error(f"its interrupt parent {controller.path} has no model")
        try:
            # The first cell is the source's number, of 2 cells (Open PIC) as of 4 (Freescale).
            return self.mpic.source(cells[0])
        except ValueError as error:
            raise node.error(str(error)) from None

# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine hands to its devices: the services of `paradrive.devices.services`, as the tree says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.dma import Dma
from paradrive.devices.services import RANKS, Host, Services
from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.linux_address import dma_ranges
from paradrive.devicetree.linux_interrupts import NoInterrupt, find_interrupt
from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.clock import Clock
    from paradrive.devices.bus import Bus
    from paradrive.devices.device import Device
    from paradrive.devices.interrupt import InterruptLine
    from paradrive.devices.mpic import Mpic
    from paradrive.devicetree.node import Node
    from paradrive.machine.run_loop import RunLoop


class Surroundings(NamedTuple):
    """What is there before the devices are: guest time, memory, the core, and the machine around them."""

    clock: Clock
    bus: Bus
    #: Called with the physical address and the size of each write of a device to RAM.
    memory_written: Callable[[int, int], None]
    #: The core's external interrupt input.
    interrupt_cpu: Callable[[bool], None]
    #: What the core says in PVR.
    processor_version: int
    #: Returns the host of the device of this name.
    host: Callable[[str], Host]


class DeviceHost:
    """The machine as one device sees it; implements ``paradrive.devices.services.Host``."""

    def __init__(self, machine: RunLoop, device: str) -> None:
        self._machine = machine
        self._device = device

    @property
    def boot_reason(self) -> int:
        """Why the guest has started."""
        return int(self._machine.boot_reason)

    def power_off(self, code: int = 0) -> None:
        """End the guest."""
        self._machine.end(PoweredOff(code, through=self._device))

    def reset(self) -> None:
        """Let the machine reset itself."""
        self._machine.request_reset()

    def panicked(self) -> None:
        """Take note of a panic; `OnPanic` says what comes of it."""
        self._machine.panicked(f"reported through {self._device}")

    def crashed(self) -> None:
        """Take note of a crash; a crash kernel that takes over goes on with its work and ends the guest."""
        self._machine.crashed()


class Wiring:
    """The connections of one machine, which grow while its devices are built, interrupt controller first."""

    def __init__(
        self, surroundings: Surroundings, warn: Callable[[str], None] = lambda warning: None
    ) -> None:
        self.surroundings = surroundings
        #: Called with a line for each thing that the tree is wrong about.
        self.warn = warn
        self.mpic: Mpic | None = None
        self._mpic_node: Node | None = None
        self._devices = 0

    def warn_of(self, node: Node, consequence: str, error: DeviceTreeError) -> None:
        """Warn of what a node lacks because of an error in it, or in one of those that it depends on."""
        reason = error.reason.removeprefix(f"{node.path}: ")
        self.warn(f"{node.path}: {consequence}: {reason}")

    def add_interrupt_controller(self, node: Node, mpic: Mpic) -> None:
        """Let the devices attached from now on raise their interrupts at ``mpic``; it must be the first."""
        if self.mpic is not None:
            raise node.error("is a second interrupt controller, and the CPU has one input")
        self.mpic = mpic
        self._mpic_node = node

    def attach(self, device: Device, node: Node) -> None:
        """Name a new device after its node, and hand it its services."""
        self._devices += 1
        device.name = node.name
        device.attach(
            Services(
                self.surroundings.clock,
                self._dma(node),
                node,
                self.surroundings.host(node.name.partition("@")[0]),
                lambda key: self.interrupt(node, key),
                rank=self._devices * RANKS,
            )
        )

    def _dma(self, node: Node) -> Dma:
        """Return the guest's memory as devices on the node's bus see it."""
        try:
            ranges = dma_ranges(node)
        except DeviceTreeError as error:
            self.warn_of(node, "it cannot reach memory", error)
            ranges = []
        return Dma(self.surroundings.bus, self.surroundings.memory_written, ranges)

    def interrupt(self, node: Node, key: int | str) -> InterruptLine | None:
        """Return a new line for an interrupt of the node, by index or name; None where the tree has none.

        Warns, and returns None, when it goes to something without a model, or to no existing input.
        """
        try:
            return self._line(node, key)
        except DeviceTreeError as error:
            self.warn_of(node, "its interrupt is connected to nothing", error)
            return None

    def _line(self, node: Node, key: int | str) -> InterruptLine | None:
        if isinstance(key, str):
            names = node.strings("interrupt-names")
            if key not in names:
                return None
            key = names.index(key)
        found = find_interrupt(node, key)
        if isinstance(found, NoInterrupt):
            if found.absent:
                return None
            raise node.error(found.reason)
        controller, cells = found
        if self.mpic is None or controller is not self._mpic_node:
            raise node.error(f"its interrupt parent {controller.path} has no model")
        if not cells:
            raise node.error(f"says no input of {controller.path}, whose interrupts have no cells")
        try:
            # The first cell is the source's number, of 2 cells (Open PIC) as of 4 (Freescale).
            return self.mpic.source(cells[0])
        except ValueError as error:
            raise node.error(str(error)) from None

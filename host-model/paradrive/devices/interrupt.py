# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts: what a device declares, and the wires from devices to the interrupt controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from paradrive.devices.declaration import Declaration, Hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.device import Device


class InterruptLine:
    """A wire with a logical level: True is asserted, whatever the electrical polarity.

    ``sink`` is called with the new level whenever the level changes, and only then; a line without
    a sink is connected to nothing.
    """

    __slots__ = ("acknowledged", "level", "sink")

    def __init__(self, sink: Callable[[bool], None] | None = None) -> None:
        self.sink = sink
        #: Called when a CPU takes the interrupt; most devices do not care.
        self.acknowledged: Callable[[], None] | None = None
        self.level = False

    def set(self, level: bool) -> None:
        """Drive the line to ``level``."""
        if level is not self.level:
            self.level = level
            if self.sink is not None:
                self.sink(level)

    def pulse(self) -> None:
        """Assert the line and let it go, as a device does at an edge-triggered input."""
        self.set(True)
        self.set(False)


class Interrupt(Declaration):
    """An interrupt of a device; on an instance its `InterruptLine`.

    ``key`` is its index among the node's interrupts, or its name in ``interrupt-names``. Where the tree has
    no such interrupt the line is connected to nothing. A method marked ``level`` tells the level, from
    registers and state of the device; it is asked again after all that may change it. Without one, the
    device drives the line by ``set`` or ``pulse``; a reset lets it go.
    """

    section = "interrupts"

    def __init__(self, key: int | str = 0) -> None:
        super().__init__()
        self.key = key

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> Interrupt: ...

        @overload
        def __get__(self, device: object, owner: type) -> InterruptLine: ...

        def __get__(self, device: object | None, owner: type) -> Interrupt | InterruptLine: ...

    def __set__(self, device: Device, value: object) -> None:
        raise AttributeError(f"{device.name}: {self.name} is a line, to be driven by set() or pulse()")

    def level(self, method: Hook) -> Hook:
        """Let a method without parameters tell the level: anything that is true asserts the line."""
        return self.hook("level", method)

    def create(self, device: Device) -> None:
        """Give the device a line that leads nowhere."""
        vars(device)[self.name] = InterruptLine()

    def attach(self, device: Device) -> None:
        """Connect the line as the tree says."""
        line = device.services.interrupt(self.key)
        if line is not None:
            vars(device)[self.name] = line

    def reset(self, device: Device) -> None:
        """Let go of the line, if the device drives it by itself."""
        if "level" not in self.hooks:
            self._line(device).set(False)

    def save(self, device: Device) -> object:
        """Return the level of a line that the device drives by itself."""
        return True if "level" not in self.hooks and self._line(device).level else None

    def load(self, device: Device, saved: object) -> bool:
        """Be at the level of then; the controller, which has its own state, sees no edge."""
        if type(saved) is not bool:
            return False
        if "level" not in self.hooks:
            self._line(device).level = saved
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what brings the level back, without an edge."""
        if "level" in self.hooks:
            return None
        line, level = self._line(device), self._line(device).level

        def revert() -> None:
            line.level = level

        return revert

    def wire(self, device: Device) -> InterruptLine:
        """Return the line that leads to the controller, whatever stands between."""
        return device.wires.get(self.name) or self._line(device)

    def interceptors_changed(self, device: Device) -> None:
        """Let the device drive a line of its own, which drives the wire through what stands between."""
        wire, level = self.wire(device), self._line(device).level
        device.wires.pop(self.name, None)
        vars(device)[self.name] = wire
        sink = device.intercepted(self.name, wire.set)
        if sink == wire.set:
            wire.set(level)
        else:
            device.wires[self.name] = wire
            line = vars(device)[self.name] = InterruptLine(sink)
            line.level = level

    def _line(self, device: Device) -> InterruptLine:
        line: InterruptLine = vars(device)[self.name]
        return line

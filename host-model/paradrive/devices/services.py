# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine hands to each of its devices, in the same way to all."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paradrive.cpu.clock import Clock
from paradrive.devices.dma import Dma
from paradrive.devicetree.error import DeviceTreeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paradrive.devices.interrupt import InterruptLine


class Node(Protocol):
    """The device tree node of a device; `paradrive.devicetree.node.Node` is one."""

    name: str
    properties: dict[str, bytes]

    @property
    def path(self) -> str:
        """The full path."""

    @property
    def compatible(self) -> tuple[str, ...]:
        """What the device is compatible with, most specific first."""

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a string list property, () where it is absent."""

    def cells(self, name: str) -> tuple[int, ...]:
        """Return a property of 32-bit cells, () where it is absent."""

    def cell(self, name: str, default: int | None = None) -> int:
        """Return the first cell of a property, or the default; DeviceTreeError where there is neither."""


class DetachedNode:
    """The node of a device that no machine has: it has no properties unless given."""

    name = path = ""
    compatible: tuple[str, ...] = ()

    def __init__(self, properties: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self.properties = dict(properties)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a string list property."""
        value = self.properties.get(name, b"")
        return (
            tuple(value.removesuffix(b"\0").decode("ascii", "backslashreplace").split("\0")) if value else ()
        )

    def cells(self, name: str) -> tuple[int, ...]:
        """Return a property of 32-bit cells."""
        value = self.properties.get(name, b"")
        whole = range(0, len(value) - 3, 4)
        return tuple(int.from_bytes(value[place : place + 4], "big") for place in whole)

    def cell(self, name: str, default: int | None = None) -> int:
        """Return the first cell of a property, or the default."""
        first = next(iter(self.cells(name)), default)
        if first is None:
            raise DeviceTreeError("a node without a tree", f"{name} is missing")
        return first


class Host(Protocol):
    """What a device can ask of the machine around it; the outcome of the run names the device."""

    @property
    def boot_reason(self) -> int:
        """Why the guest has started: a `paradrive.devices.pvctl.BootReason`."""

    def power_off(self, code: int = 0) -> None:
        """End the guest with an exit code, after the present instruction."""

    def reset(self) -> None:
        """Reset the machine after the present instruction."""

    def panicked(self) -> None:
        """Take note that the guest's kernel has panicked; it may still tell about it."""

    def crashed(self) -> None:
        """Take note that the guest has crashed and goes on: a crash kernel takes over."""


class NoHost:
    """The host of a device that no machine has: nothing comes of what it is asked for."""

    boot_reason = 0

    def power_off(self, code: int = 0) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing."""

    def panicked(self) -> None:
        """Do nothing."""

    def crashed(self) -> None:
        """Do nothing."""


def _no_interrupt(key: int | str) -> InterruptLine | None:
    return None


class Services(NamedTuple):
    """Guest time, guest memory, the device's node, the machine as host, and the lines of its interrupts.

    ``interrupt`` returns a new line for an interrupt by index or name, None where the node has no such one.
    ``rank`` is the device's place among all, in steps of `RANKS`: see `Clock`.
    """

    clock: Clock
    memory: Dma
    node: Node
    host: Host
    interrupt: Callable[[int | str], InterruptLine | None] = _no_interrupt
    rank: int = 0


#: The timers that each device can have with a rank of its own.
RANKS = 1 << 16


def unattached() -> Services:
    """Return what a device has before a machine attaches it: nothing."""
    return Services(Clock(), Dma.nowhere(), DetachedNode(), NoHost())

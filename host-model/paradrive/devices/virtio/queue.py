# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device remembers of its virtqueues: where they are, how far it has come, what it has yet to do.

All of it is declared state, so that a device goes on in the middle of its requests after a restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from paradrive.devices.state import State
from paradrive.devices.timer import MAX_TIME

if TYPE_CHECKING:
    from paradrive.devices.device import Device

#: The most bytes of the buffers of one chain.
MAX_CHAIN_SIZE = 1 << 22


class RingError(Exception):
    """The driver has broken the rules of a virtqueue; the message says which. The device needs a reset."""


@dataclass
class Queue:
    """One virtqueue; areas are bus addresses, named as in VIRTIO 1.2, 2.6.

    ``next_available`` and ``next_used`` are the device's positions: free-running 16-bit indexes of a
    split ring; of a packed ring, places whose bit 15 is the wrap counter.
    """

    size: int
    ready: bool = False
    descriptor_area: int = 0
    driver_area: int = 0
    device_area: int = 0
    next_available: int = 0
    next_used: int = 0

    def is_possible(self, max_size: int) -> bool:
        """Tell whether a device can be in this state."""
        areas = (self.descriptor_area, self.driver_area, self.device_area)
        indexes = (self.next_available, self.next_used)
        return (
            0 <= self.size < 1 << 32
            and (not self.ready or 0 < self.size <= max_size)
            and all(0 <= area < 1 << 64 for area in areas)
            and all(0 <= index < 1 << 16 for index in indexes)
        )


class InFlight(NamedTuple):
    """A chain of descriptors that a device has taken from queue number ``queue`` and not given back.

    ``head`` identifies it to the driver; ``descriptors`` is how many the ring has for it. The buffers are
    pairs (bus address, size), those that the device reads first. ``due`` is the guest time in nanoseconds
    at which the device serves the chain, -1 where it waits for something else.
    """

    queue: int
    head: int
    descriptors: int
    readable: list[tuple[int, int]]
    writable: list[tuple[int, int]]
    due: int = -1

    def is_possible(self, queues: list[Queue]) -> bool:
        """Tell whether a device with these queues can have it."""
        buffers = [*self.readable, *self.writable]
        return (
            0 <= self.queue < len(queues)
            and 0 <= self.head < 1 << 16
            and 0 < self.descriptors <= queues[self.queue].size
            and -1 <= self.due < MAX_TIME
            and all(_is_buffer(buffer) for buffer in buffers)
            and sum(size for _, size in buffers) <= MAX_CHAIN_SIZE
        )


def _is_buffer(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(number) is int and 0 <= number < 1 << 64 for number in value)
    )


class Virtqueues(State[list[Any]]):
    """The queues of a device; on an instance a list of `Queue`, one for each name in its ``queues``."""

    #: A device has as many as it has.
    is_bounded = False

    def __init__(self) -> None:
        super().__init__(list, of=Queue)

    def create(self, device: Any) -> None:
        """Give the device its queues, none of them ready."""
        vars(device)[self.name] = [Queue(device.max_queue_size) for _ in device.queues]

    def load(self, device: Any, saved: object) -> bool:
        """Take over what was saved."""
        before: list[Queue] = vars(device)[self.name]
        if not super().load(device, saved):
            return False
        queues: list[Queue] = vars(device)[self.name]
        return len(queues) == len(before) and all(
            queue.is_possible(device.max_queue_size) for queue in queues
        )


class InFlightChains(State[list[Any]]):
    """The chains that a device has taken and not given back; on an instance a list of `InFlight`.

    It is declared behind the queues: what is possible depends on them.
    """

    #: There are no more than the queues have descriptors.
    is_bounded = False

    def __init__(self) -> None:
        super().__init__(list, of=InFlight)

    def load(self, device: Device, saved: object) -> bool:
        """Take over what was saved."""
        if not super().load(device, saved):
            return False
        chains: list[InFlight] = vars(device)[self.name]
        queues: list[Queue] = vars(device)["virtqueues"]
        heads = {(chain.queue, chain.head) for chain in chains}
        return len(heads) == len(chains) and all(chain.is_possible(queues) for chain in chains)

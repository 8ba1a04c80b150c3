# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtio devices: what serves the requests of a driver. One of one's own is a subclass (docs/virtio.md)."""

from __future__ import annotations

from paradrive.devices.state import State
from paradrive.devices.timer import MAX_TIME, Timer
from paradrive.devices.virtio.chain import Chain
from paradrive.devices.virtio.mmio import (
    RING_EVENT_IDX,
    RING_INDIRECT_DESC,
    RING_PACKED,
    InterruptReason,
    VirtioMmio,
)
from paradrive.devices.virtio.packed_ring import PackedRing
from paradrive.devices.virtio.queue import InFlight, InFlightChains, Queue, RingError
from paradrive.devices.virtio.split_ring import SplitRing

Ring = SplitRing | PackedRing

#: What a device does at one go, in bytes; each chain and each buffer count for some besides. A driver that
#: asks for more waits for `PAUSE` nanoseconds: a guest must not keep its host busy with one instruction.
WORK = 1 << 22
CHAIN_COST, BUFFER_COST = 1 << 12, 1 << 10
PAUSE = 1_000


class VirtioDevice(VirtioMmio):
    """A device behind virtio, which serves requests.

    ``request`` is called with each chain of descriptors that the driver makes available. What it declares
    besides, as any device, follows its life cycle; the driver's reset is one, too.
    """

    #: Guest time, in nanoseconds, from when the device is notified of a request until it serves it.
    delay = State(int, limit=MAX_TIME, survives_reset=True)
    in_flight = InFlightChains()
    _due = Timer()
    _go_on = Timer()

    def request(self, queue: int, chain: Chain) -> None:
        """Serve a request that came through the queue of this number: complete it, or leave it waiting."""
        raise NotImplementedError

    def waiting(self, queue: int) -> list[Chain]:
        """Return the chains of a queue that wait to be completed, the oldest first."""
        return [Chain(self, one) for one in self.in_flight if one.queue == queue and one.due < 0]

    def give_back(self, chain: InFlight, written: int, ring: Ring | None = None) -> None:
        """Return a chain to the driver; `Chain.complete` calls it. One of a queue that was reset is gone.

        ``ring`` is the chain's queue where that is being served.
        """
        if chain not in self.in_flight:
            return
        self.in_flight.remove(chain)
        ring = ring or self._ring(chain.queue)
        if ring.give_back(chain, written):
            self.INTERRUPT_STATUS |= InterruptReason.USED_BUFFER

    # Queues

    @property
    def _kind_of_ring(self) -> type[SplitRing] | type[PackedRing]:
        return PackedRing if self.driver_features & RING_PACKED else SplitRing

    def _ring(self, number: int) -> Ring:
        features = self.driver_features
        indirect, event_index = features & RING_INDIRECT_DESC != 0, features & RING_EVENT_IDX != 0
        memory = self.services.memory
        queue = self.virtqueues[number]
        return self._kind_of_ring(number, queue, memory, indirect=indirect, event_index=event_index)

    def check_queue(self, queue: Queue) -> bool:
        """Tell whether a queue can be enabled; if not, the device needs a reset."""
        try:
            if not 0 < queue.size <= self.max_queue_size:
                raise RingError(f"a queue of {queue.size} descriptors")
            self._kind_of_ring.check(queue, self.memory)
        except RingError as error:
            self.needs_reset(str(error))
            return False
        queue.next_available = queue.next_used = self._kind_of_ring.START
        return True

    def queue_stopped(self, number: int) -> None:
        """Forget what is in a queue."""
        self.in_flight = [chain for chain in self.in_flight if chain.queue != number]

    def notified(self, number: int) -> None:
        """Serve what is available in a queue."""
        queue: Queue = self.virtqueues[number]
        if not queue.ready or not self.is_working:
            return
        work = 0
        try:
            ring = self._ring(number)
            for chain in ring.take():
                self._accept(chain, ring)
                work += _cost(chain)
                if work > WORK:
                    self._go_on.after(PAUSE)
                    break
        except RingError as error:
            self.needs_reset(f"{self.queues[number]}: {error}")

    def _accept(self, chain: InFlight, ring: Ring) -> None:
        descriptors = chain.descriptors
        for one in self.in_flight:
            if one.queue == chain.queue:
                descriptors += one.descriptors
                if one.head == chain.head:
                    raise RingError(f"buffer {chain.head}, which the device has already")
        if descriptors > self.virtqueues[chain.queue].size:
            raise RingError("more descriptors than the queue has")
        if self.delay:
            self.in_flight.append(chain._replace(due=self.clock.now() + self.delay))
            self._wait()
        else:
            self._serve(chain, ring)

    def _serve(self, chain: InFlight, ring: Ring | None = None) -> None:
        self.in_flight.append(chain)
        self.request(chain.queue, Chain(self, chain, ring))

    # Time

    @_go_on.expires
    def _serve_more(self) -> None:
        for number in range(len(self.queues)):
            self.notified(number)

    @_due.expires
    def _serve_due(self) -> None:
        now = self.clock.now()
        for chain in [one for one in self.in_flight if 0 <= one.due <= now]:
            self.in_flight.remove(chain)
            if self.is_working:
                try:
                    self._serve(chain._replace(due=-1))
                except RingError as error:
                    self.needs_reset(f"{self.queues[chain.queue]}: {error}")
        self._wait()

    def _wait(self) -> None:
        times = [one.due for one in self.in_flight if one.due >= 0]
        if times:
            self._due.at(min(times))


def _cost(chain: InFlight) -> int:
    cost = CHAIN_COST
    for _, size in chain.readable:
        cost += BUFFER_COST + size
    for _, size in chain.writable:
        cost += BUFFER_COST + size
    return cost

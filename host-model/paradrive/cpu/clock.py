# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest time: nanoseconds counted from instructions, and what is due at which of them.

One executed instruction takes one nanosecond; an idle CPU jumps to the next event. Nothing here
reads the host's clock, so two runs of the same machine are identical to the bit.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NANOSECONDS_PER_SECOND = 1_000_000_000


#: The queue is rid of cancelled events when it has grown to twice those that remain, and beyond this.
SMALL_QUEUE = 64


class Event:
    """An action that is due at a guest time, ``when``; ``cancel()`` forgets it."""

    __slots__ = ("action", "when")

    def __init__(self, when: int, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the event; cancelling one that has run or was cancelled does nothing."""
        self.action = None


class Clock:
    """Guest time in nanoseconds since the machine was created, and the queue of events.

    ``read`` tells the present time; the CPU supplies it, because it alone knows how many
    instructions have been executed. Events of the same time run by ascending ``rank``, and those of the same
    rank in the order of their scheduling. Who schedules anew after a restore needs a rank, or that order is
    another one then.
    """

    def __init__(self) -> None:
        self.read: Callable[[], int] = lambda: 0
        self._queue: list[tuple[int, int, int, Event]] = []
        self._order = count()
        self._size_to_clean = SMALL_QUEUE
        #: How many events have run.
        self.events_run = 0
        #: Called when an earlier event than all others has been scheduled.
        self.rearm: Callable[[], None] = lambda: None

    def now(self) -> int:
        """Return the present guest time in nanoseconds."""
        return self.read()

    def at(self, when: int, action: Callable[[], None], rank: int = 0) -> Event:
        """Call ``action`` once guest time has reached ``when`` (nanoseconds; the past means at once)."""
        event = Event(when, action)
        first = self.next_event()
        if len(self._queue) >= self._size_to_clean:
            # A guest that sets its timers again and again must not fill the host's memory.
            self._queue = [entry for entry in self._queue if entry[3].action is not None]
            heapq.heapify(self._queue)
            self._size_to_clean = max(SMALL_QUEUE, 2 * len(self._queue))
        heapq.heappush(self._queue, (when, rank, next(self._order), event))
        if first is None or when < first:
            self.rearm()
        return event

    def clear(self) -> None:
        """Forget all events: those who scheduled them are about to load a saved state, and schedule anew."""
        self._queue.clear()

    def next_event(self) -> int | None:
        """Return the time of the earliest event, None when nothing is due at all."""
        while self._queue and self._queue[0][3].action is None:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def run_due(self, now: int) -> None:
        """Run every event that is due at ``now``, earliest first."""
        while (when := self.next_event()) is not None and when <= now:
            event = heapq.heappop(self._queue)[3]
            action, event.action = event.action, None
            if action is not None:
                self.events_run += 1
                action()

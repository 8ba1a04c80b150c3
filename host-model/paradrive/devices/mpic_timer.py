# SPDX-License-Identifier: GPL-2.0-or-later
"""One global timer of the MPIC: counts down from a base, interrupts at zero, starts again.

Source: Freescale MPC8544E Reference Manual, sections "Global timer current count registers" and "base count
registers".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.clock import NANOSECONDS_PER_SECOND, Clock, Event

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT_INHIBIT = 0x80000000
TOGGLE = 0x80000000
COUNT = 0x7FFFFFFF
#: What `GlobalTimer.save` returns after power-on.
STOPPED = [COUNT_INHIBIT, 0, 0, 0]


class GlobalTimer:
    """A timer that counts at ``frequency`` (Hz) of guest time; ``expired`` is called at each zero."""

    def __init__(self, clock: Clock, frequency: int, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._nanoseconds_per_tick = max(1, NANOSECONDS_PER_SECOND // frequency)
        self._expired = expired
        self._base = COUNT_INHIBIT
        self._toggle = 0
        self._stopped_at = 0
        self._expires: int | None = None
        self._event: Event | None = None

    @property
    def base(self) -> int:
        """GTBCR: the count to start from, and COUNT_INHIBIT."""
        return self._base

    @base.setter
    def base(self, value: int) -> None:
        started = self._base & COUNT_INHIBIT and not value & COUNT_INHIBIT
        stopped = not self._base & COUNT_INHIBIT and value & COUNT_INHIBIT
        if stopped:
            self._stopped_at = self.current & COUNT
            self._schedule(None)
        self._base = value
        if started:
            self._toggle = 0
            # A base of zero would be an interrupt without end; the timer stands still instead.
            self._schedule(self._clock.now() + self._period if self._period else None)

    @property
    def current(self) -> int:
        """GTCCR: what is left to count, and TOGGLE, which changes at each zero."""
        if self._expires is None:
            return self._toggle | self._stopped_at
        remaining = max(0, self._expires - self._clock.now())
        return self._toggle | min(-(-remaining // self._nanoseconds_per_tick), COUNT)

    def reset(self) -> None:
        """Stop, at zero."""
        self.load(STOPPED)

    def save(self) -> list[int]:
        """Return base, toggle, the count where it stopped, and the time of expiry (0: stopped)."""
        return [self._base, self._toggle, self._stopped_at, self._expires or 0]

    def load(self, saved: list[int]) -> None:
        """Continue as saved; guest time continues from then, too."""
        self._base, self._toggle, self._stopped_at, expires = saved
        if expires or self._expires is not None:
            self._schedule(expires or None)

    def cancel(self) -> None:
        """Stop for good."""
        self._schedule(None)

    @property
    def _period(self) -> int:
        return (self._base & COUNT) * self._nanoseconds_per_tick

    def _schedule(self, expires: int | None) -> None:
        if self._event is not None:
            self._event.cancel()
        self._expires = expires
        self._event = None if expires is None else self._clock.at(expires, self._expire)

    def _expire(self) -> None:
        assert self._expires is not None
        # When time has jumped over several zeros they are one interrupt, as with any edge that waits already.
        period = self._period
        zeros = 1 + max(0, self._clock.now() - self._expires) // period if period else 1
        if zeros % 2:
            self._toggle ^= TOGGLE
        self._schedule(self._expires + zeros * period if period else None)
        self._expired()

# SPDX-License-Identifier: GPL-2.0-or-later
"""Time base, decrementer, fixed-interval timer, watchdog (EREF 2.9; Power ISA 2.06, Book III-E, 8)."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from paradrive.cpu.clock import NANOSECONDS_PER_SECOND, Clock, Event
from paradrive.cpu.state import (
    PENDING_DECREMENTER,
    PENDING_FIXED_INTERVAL,
    PENDING_RESET,
    PENDING_WATCHDOG,
    CoreState,
)
from paradrive.isa import spr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

TCR_WATCHDOG_RESET = 0x30000000
TCR_WATCHDOG_ENABLE = 0x08000000
TCR_DECREMENTER_ENABLE = 0x04000000
TCR_FIXED_INTERVAL_ENABLE = 0x00800000
TCR_AUTO_RELOAD = 0x00400000

TSR_ENABLE_NEXT_WATCHDOG = 0x80000000
TSR_WATCHDOG = 0x40000000
TSR_WATCHDOG_RESET = 0x30000000
TSR_DECREMENTER = 0x08000000
TSR_FIXED_INTERVAL = 0x04000000

#: The timers that strike at edges of the time base, as `Timers.edges_due` names them.
PERIODIC = ("fixed_interval", "watchdog")

MASK64 = (1 << 64) - 1


def _ratio(frequency: int) -> tuple[int, int]:
    """Return ticks and the nanoseconds that they take.

    Exact unless that needs numbers beyond a million: compiled code multiplies them by the clock in 64 bits.
    """
    divisor = gcd(frequency, NANOSECONDS_PER_SECOND)
    ticks, nanoseconds = frequency // divisor, NANOSECONDS_PER_SECOND // divisor
    while ticks > 1_000_000:
        ticks, nanoseconds = ticks // 2, max(1, nanoseconds // 2)
    return ticks, nanoseconds


def _due(event: Event | None) -> int | None:
    """Return when an event is due, None if it is not any more."""
    return None if event is None or event.action is None else event.when


class Timers:
    """The timers of one core, driven by the clock; they set and clear bits of ``state.pending``.

    The time base counts at ``timebase_frequency`` Hz, at least 1.
    """

    def __init__(self, state: CoreState, clock: Clock, timebase_frequency: int) -> None:
        self.state, self.clock = state, clock
        self._ticks_per, self._nanoseconds = _ratio(timebase_frequency)
        self._decrementer_event: Event | None = None
        self._fixed_interval_event: Event | None = None
        self._watchdog_event: Event | None = None
        #: The value of the time base at which the decrementer is (or was) zero.
        self.zero_at = 0
        #: Whether the decrementer has been set to anything but zero.
        self._started = False

    def reset(self) -> None:
        """Set everything to its reset state: all zero and stopped."""
        for event in (self._decrementer_event, self._fixed_interval_event, self._watchdog_event):
            if event is not None:
                event.cancel()
        self._decrementer_event = self._fixed_interval_event = self._watchdog_event = None
        self.state.timebase_numerator, self.state.timebase_denominator = self._ticks_per, self._nanoseconds
        self.state.timebase_offset = 0
        self._started = False
        self.write_timebase(0)
        self.zero_at = 0

    def save(self) -> tuple[int, bool, bool]:
        """Return what the registers do not say of the decrementer: when it is zero, if started, if due."""
        return self.zero_at, self._started, self._decrementer_event is not None

    def load(self, saved: tuple[int, bool, bool]) -> None:
        """Continue from ``save``; the clock, without events, and the registers have been loaded before."""
        self.zero_at, self._started, due = saved
        self._decrementer_event = self._fixed_interval_event = self._watchdog_event = None
        if due:
            self._decrementer_event = self.clock.at(self._when(self.zero_at), self._decrementer_expired)
        self._schedule_periodic()

    def capture(self) -> Callable[[], None]:
        """Return what schedules everything again as at present; the same must hold then as for ``load``."""
        zero_at, started = self.zero_at, self._started
        decrementer = _due(self._decrementer_event)
        fixed_interval, watchdog = _due(self._fixed_interval_event), _due(self._watchdog_event)

        def at(when: int | None, action: Callable[[], None]) -> Event | None:
            return None if when is None else self.clock.at(when, action)

        def revert() -> None:
            self.zero_at, self._started = zero_at, started
            self._decrementer_event = at(decrementer, self._decrementer_expired)
            self._fixed_interval_event = at(fixed_interval, self._fixed_interval_edge)
            self._watchdog_event = at(watchdog, self._watchdog_edge)

        return revert

    def edges_due(self) -> list[str]:
        """Return which periodic timers are due at present: nothing else says that they have yet to strike."""
        due = [_due(event) for event in (self._fixed_interval_event, self._watchdog_event)]
        now = self.clock.now()
        return [name for name, when in zip(PERIODIC, due, strict=True) if when is not None and when <= now]

    def make_due(self, names: Collection[str]) -> None:
        """Have those of ``edges_due`` strike at once, after ``load``; the edges behind them come as ever."""
        if "fixed_interval" in names:
            self._fixed_interval_event = self._at_once(self._fixed_interval_event, self._fixed_interval_edge)
        if "watchdog" in names:
            self._watchdog_event = self._at_once(self._watchdog_event, self._watchdog_edge)

    def _at_once(self, later: Event | None, action: Callable[[], None]) -> Event:
        if later is not None:
            later.cancel()
        return self.clock.at(self.clock.now(), action)

    def _ticks(self) -> int:
        return self.clock.now() * self._ticks_per // self._nanoseconds

    def timebase(self) -> int:
        """Return the time base, 64 bits."""
        return (self._ticks() + int(self.state.timebase_offset)) & MASK64

    def write_timebase(self, value: int) -> None:
        """Set the time base; the decrementer counts on as before."""
        left = self.read_decrementer()
        self.state.timebase_offset = (value - self._ticks()) & MASK64
        # Clock times of what is scheduled stay right: only the names of the ticks have changed.
        self.zero_at = self.timebase() + left
        self._schedule_periodic()

    def _when(self, timebase: int) -> int:
        """Return the clock's time at which the time base reaches ``timebase``."""
        ticks = self._ticks() + max(0, timebase - self.timebase())
        return -(-ticks * self._nanoseconds // self._ticks_per)

    def read_decrementer(self) -> int:
        """Return the decrementer, 32 bits."""
        left = self.zero_at - self.timebase()
        if left <= 0 and self._reload_period():
            left = self._next_zero() - self.timebase()
        return max(0, left) & 0xFFFFFFFF

    def _reload_period(self) -> int:
        """Return after how many ticks the decrementer, having been started, reaches zero again; 0: never."""
        reloads = self._started and self.state.spr[spr.TCR] & TCR_AUTO_RELOAD
        return int(self.state.spr[spr.DECAR]) if reloads else 0

    def _next_zero(self) -> int:
        """Return the time base, after the present, at which a reloading decrementer is zero again."""
        period = self._reload_period()
        return self.zero_at + ((self.timebase() - self.zero_at) // period + 1) * period

    def write_decrementer(self, value: int) -> None:
        """Start the decrementer at ``value``; zero stops it without an exception."""
        if self._decrementer_event is not None:
            self._decrementer_event.cancel()
            self._decrementer_event = None
        self.zero_at = self.timebase() + value
        self._started = value != 0
        if value:
            self._decrementer_event = self.clock.at(self._when(self.zero_at), self._decrementer_expired)

    def _decrementer_expired(self) -> None:
        # A reloading decrementer is scheduled again only when its status has been cleared: until then
        # nobody can tell, and a guest could ask for millions of events a second.
        self._decrementer_event = None
        self._set_status(TSR_DECREMENTER)

    def write_control(self, value: int) -> None:
        """Write TCR; the watchdog's reset control, once set, stays."""
        value |= self.state.spr[spr.TCR] & TCR_WATCHDOG_RESET
        left = self.read_decrementer()
        self.state.spr[spr.TCR] = value
        if self._started and (left or self._reload_period()):
            self.write_decrementer(left or self._reload_period())
        self._schedule_periodic()
        self._update_pending()

    def clear_status(self, value: int) -> None:
        """Write TSR: ones clear."""
        self.state.spr[spr.TSR] &= ~value
        if value & TSR_DECREMENTER and self._decrementer_event is None and self._reload_period():
            self.zero_at = self._next_zero()
            self._decrementer_event = self.clock.at(self._when(self.zero_at), self._decrementer_expired)
        self._schedule_periodic()
        self._update_pending()

    def _set_status(self, bits: int) -> None:
        self.state.spr[spr.TSR] |= bits
        self._update_pending()

    def pending(self) -> int:
        """Return ``state.pending`` with those timers whose status is set and enabled, and no others."""
        control, status = self.state.spr[spr.TCR], self.state.spr[spr.TSR]
        pending: int = self.state.pending & ~(PENDING_DECREMENTER | PENDING_FIXED_INTERVAL | PENDING_WATCHDOG)
        if control & TCR_DECREMENTER_ENABLE and status & TSR_DECREMENTER:
            pending |= PENDING_DECREMENTER
        if control & TCR_FIXED_INTERVAL_ENABLE and status & TSR_FIXED_INTERVAL:
            pending |= PENDING_FIXED_INTERVAL
        if control & TCR_WATCHDOG_ENABLE and status & TSR_WATCHDOG:
            pending |= PENDING_WATCHDOG
        return pending

    def _update_pending(self) -> None:
        self.state.pending = self.pending()

    def _schedule_periodic(self) -> None:
        """Schedule the next rising edges of the time base bits that TCR selects (EREF 2.9.1).

        An edge that would change nothing because its status bit is set already is not scheduled.
        """
        for event in (self._fixed_interval_event, self._watchdog_event):
            if event is not None:
                event.cancel()
        self._fixed_interval_event = self._watchdog_event = None
        control, status = self.state.spr[spr.TCR], self.state.spr[spr.TSR]
        if not status & TSR_FIXED_INTERVAL:
            bit = (control >> 13 & 0xF) << 2 | control >> 24 & 3
            self._fixed_interval_event = self._at_edge(bit, self._fixed_interval_edge)
        if not status & TSR_ENABLE_NEXT_WATCHDOG or not status & TSR_WATCHDOG or control & TCR_WATCHDOG_RESET:
            bit = (control >> 17 & 0xF) << 2 | control >> 30 & 3
            self._watchdog_event = self._at_edge(bit, self._watchdog_edge)

    def _at_edge(self, bit: int, action: Callable[[], None]) -> Event | None:
        """Schedule ``action`` at the next 0-to-1 edge of time base bit ``bit`` (0 is the most significant).

        Bits which would take centuries to change are left alone.
        """
        half = 1 << 63 - bit
        if half > 1 << 60:
            return None
        now = self.timebase()
        edge = (now + half) // (2 * half) * 2 * half + half
        return self.clock.at(self._when(edge), action)

    def _fixed_interval_edge(self) -> None:
        self._set_status(TSR_FIXED_INTERVAL)
        self._schedule_periodic()

    def _watchdog_edge(self) -> None:
        """Take the watchdog's next step: arm, raise the exception, reset (EREF 2.9.3)."""
        status, control = self.state.spr[spr.TSR], self.state.spr[spr.TCR]
        if not status & TSR_ENABLE_NEXT_WATCHDOG:
            self._set_status(TSR_ENABLE_NEXT_WATCHDOG)
        elif not status & TSR_WATCHDOG:
            self._set_status(TSR_WATCHDOG)
        elif control & TCR_WATCHDOG_RESET:
            self.state.spr[spr.TSR] = status & ~TSR_WATCHDOG_RESET | control & TCR_WATCHDOG_RESET
            self.state.pending |= PENDING_RESET
        self._schedule_periodic()

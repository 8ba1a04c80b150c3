# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of devices, in guest time."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from paradrive.devices.declaration import Declaration, Hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.clock import Event
    from paradrive.devices.device import Device

#: Guest times, in nanoseconds, end here: 292 years.
MAX_TIME = 1 << 63


class RunningTimer:
    """The timer of one device; times are guest times in nanoseconds.

    One instruction takes one nanosecond, and the timer expires exactly then. Times that a guest chooses need
    no check: what is past is due a nanosecond from now, what lies beyond MAX_TIME never comes.
    """

    def __init__(self, device: Device, expired: Callable[[], None], rank: int) -> None:
        self._device = device
        #: Called when it expires.
        self.expired = expired
        self._rank = rank
        self._event: Event | None = None
        #: When it expires next; None while it is stopped.
        self.when: int | None = None
        #: After how long it expires again; 0 where it does not.
        self.period = 0

    @property
    def is_running(self) -> bool:
        """Whether it will expire."""
        return self.when is not None

    def at(self, when: int) -> None:
        """Expire once, at this time."""
        self._start(when, 0)

    def after(self, delay: int) -> None:
        """Expire once, so many nanoseconds from now."""
        self._start(self._device.clock.now() + delay, 0)

    def every(self, period: int, *, first: int | None = None) -> None:
        """Expire again and again; at first after ``first``, or else after one period. It is at least 1 ns."""
        period = max(period, 1)
        self._start(self._device.clock.now() + (period if first is None else first), period)

    def cancel(self) -> None:
        """Stop."""
        self.load(None, 0)
        self._device.settle()

    def _start(self, when: int, period: int) -> None:
        # Never at once: a device that starts its timer anew whenever it expires would stop time.
        self.load(max(when, self._device.clock.now() + 1), period)
        self._device.settle()

    def load(self, when: int | None, period: int) -> None:
        """Expire at ``when`` (None: never), and after each ``period`` (0: once)."""
        if self._event is not None:
            self._event.cancel()
        self._event = None
        if when is None or when >= MAX_TIME:
            self.when, self.period = None, 0
        else:
            self.when, self.period = max(when, 0), period
            self._event = self._device.clock.at(self.when, self._expire, self._rank)

    def _expire(self) -> None:
        when, period = self.when, self.period
        assert when is not None
        if period:
            # A saved state may say what was due long ago: what has been missed does not come now.
            missed = max(self._device.clock.now() - when, 0) // period
            self.load(when + (missed + 1) * period, period)
        else:
            self.load(None, 0)
        self.expired()


class Timer(Declaration):
    """A timer of a device; on an instance a `RunningTimer`. A reset stops it.

    A method marked ``expires`` is called whenever it expires.
    """

    section = "timers"

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> Timer: ...

        @overload
        def __get__(self, device: object, owner: type) -> RunningTimer: ...

        def __get__(self, device: object | None, owner: type) -> Timer | RunningTimer: ...

    def __set__(self, device: Device, value: object) -> None:
        raise AttributeError(f"{device.name}: {self.name} is a timer, to be set by after(), at() or every()")

    def expires(self, method: Hook) -> Hook:
        """Let a method without parameters be called when the timer expires."""
        return self.hook("expires", method)

    def create(self, device: Device) -> None:
        """Give the device a timer that is stopped."""
        # Of timers that expire at once, always the same is first: the device's place in the tree, and the
        # timer's among the declarations, decide.
        timers = [name for name, one in device.declarations.items() if isinstance(one, Timer)]
        rank = device.services.rank + timers.index(self.name)
        vars(device)[self.name] = RunningTimer(device, self._expired(device), rank)

    def _expired(self, device: Device) -> Callable[[], None]:
        return device.settling(self.hooked(device, "expires") or (lambda: None))

    def interceptors_changed(self, device: Device) -> None:
        """Let the timer call through what stands between."""
        self._timer(device).expired = self._expired(device)

    def attach(self, device: Device) -> None:
        """Follow the machine's clock."""
        self.create(device)

    def reset(self, device: Device) -> None:
        """Stop."""
        self._timer(device).cancel()

    def save(self, device: Device) -> object:
        """Return when it expires, and its period; nothing while it is stopped."""
        timer = self._timer(device)
        return None if timer.when is None else [timer.when, timer.period]

    def load(self, device: Device, saved: object) -> bool:
        """Expire as was intended then: guest time continues, too."""
        if not isinstance(saved, list) or len(saved) != 2 or any(type(number) is not int for number in saved):
            return False
        when, period = saved
        if not 0 <= when < MAX_TIME or not 0 <= period < MAX_TIME:
            return False
        self._timer(device).load(when, period)
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what schedules it again as at present."""
        timer = self._timer(device)
        when, period = timer.when, timer.period

        def revert() -> None:
            # The clock has been cleared: what was scheduled since then is gone.
            if when is not None or timer.when is not None:
                timer.load(when, period)

        return revert

    def destroy(self, device: Device) -> None:
        """Stop for good."""
        self._timer(device).cancel()

    def _timer(self, device: Device) -> RunningTimer:
        timer: RunningTimer = vars(device)[self.name]
        return timer

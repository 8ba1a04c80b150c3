# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's terminal, or whatever standard input is, as input of a running machine."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_CHUNK = 4096
#: Longest wait in one go, in nanoseconds: a signal does not end it, so this bounds the time to react to one.
_MAX_WAIT = 100_000_000
_LOCAL_FLAGS = 3  # index of c_lflag in what tcgetattr returns


class InputStream:
    """Implements ``paradrive.machine.run_loop.Host`` on a file descriptor: a terminal, a pipe or a file.

    ``before_wait`` is called before each wait, so that a prompt is seen by whom it asks.
    """

    def __init__(self, descriptor: int, before_wait: Callable[[], None] = lambda: None) -> None:
        self._descriptor = descriptor
        self._before_wait = before_wait
        self._open = True

    def is_open(self) -> bool:
        """Tell whether the end of the input has not been seen yet."""
        return self._open

    def poll(self) -> bytes:
        """Return the input that has come."""
        return self._read(0)

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        """Wait for input, at most ``nanoseconds`` or a tenth of a second; return it and the time passed."""
        self._before_wait()
        timeout = _MAX_WAIT if nanoseconds is None else min(nanoseconds, _MAX_WAIT)
        start = time.monotonic_ns()
        data = self._read(timeout / 1e9)
        if data or not self._open:
            return data, min(time.monotonic_ns() - start, timeout)
        return data, timeout

    def _read(self, timeout: float) -> bytes:
        if not self._open:
            return b""
        try:
            ready, _, _ = select.select([self._descriptor], [], [], timeout)
            if not ready:
                return b""
            data = os.read(self._descriptor, _CHUNK)
        except (OSError, ValueError):  # closed, or not readable at all
            data = b""
        self._open = bool(data)
        return data


@contextlib.contextmanager
def keys_unbuffered(descriptor: int) -> Iterator[None]:
    r"""Let a terminal hand over each key at once, without echo, and restore it in the end.

    Ctrl-C, Ctrl-\ and Ctrl-Z keep their effect on this process. Does nothing unless ``descriptor``
    is a terminal.
    """
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, ValueError, OSError):
        yield
        return
    unbuffered = before.copy()
    unbuffered[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, unbuffered)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` instead of ending the process on SIGINT (Ctrl-C) and SIGTERM."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

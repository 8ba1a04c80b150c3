# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's terminal, or whatever standard input is, as input of a running machine."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType, TracebackType

_CHUNK = 4096
#: Longest wait in one go, in nanoseconds: a signal does not end it, so this bounds the time to react to one.
_MAX_WAIT = 100_000_000
_LOCAL_FLAGS = 3  # index of c_lflag in what tcgetattr returns
#: What begins a key of the host, as on QEMU's terminal: Ctrl-a.
ESCAPE = b"\x01"
#: The signals that end a run.
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
#: Those with which a user who has no patience ends even what follows the run.
_IMPATIENT = (signal.SIGINT, signal.SIGQUIT)


class Terminal:
    r"""A terminal that hands over each key at once, without echo, inside its ``with`` block.

    Ctrl-C, Ctrl-\ and Ctrl-Z keep their effect on this process. While its job is in the background, the
    terminal is the shell's, and left alone. Does nothing where ``descriptor`` is no terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # What to restore; None while the terminal is as others have set it.
        self._before: list[Any] | None = None
        self._claimed = False
        self.exists = self._attributes() is not None

    def __enter__(self) -> Terminal:
        self.claim()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self.exists = False

    def is_ours(self) -> bool:
        """Tell whether this process may read from it and set it: one in the background would be stopped."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # it does not control this process, or has been hung up
            return True

    def claim(self) -> bool:
        """Set the terminal, unless that has been done; False if it is not this process' to use.

        A shell that brings a job to the foreground need not tell it, so this is called before each read.
        """
        if not self.exists:
            return True
        if not self.is_ours():
            return False
        if not self._claimed:
            attributes = self._attributes()
            if attributes is not None:
                self._before = self._before or attributes
                unbuffered = attributes.copy()
                unbuffered[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO)
                self._set(unbuffered)
            self._claimed = True
        return True

    def release(self) -> None:
        """Restore the terminal, unless the shell has it and has done so."""
        if self._before is not None and self.is_ours():
            self._set(self._before)
            self._before = None
        self._claimed = False

    def continued(self) -> None:
        """Take note that this process has been stopped: others may have set the terminal since."""
        self._claimed = False
        self.claim()

    def _attributes(self) -> list[Any] | None:
        try:
            return termios.tcgetattr(self._descriptor)
        except (termios.error, ValueError, OSError):
            return None

    def _set(self, attributes: list[Any]) -> None:
        with contextlib.suppress(termios.error, OSError):  # hung up: there is nothing to restore
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, attributes)


class HostKeys:
    """Finds, among the keys for the guest, those for its host: Ctrl-a and a character.

    ``actions`` are called when their character comes. Ctrl-a twice is one Ctrl-a for the guest;
    another character behind it, which has no action, is dropped.
    """

    def __init__(self, actions: Mapping[bytes, Callable[[], None]]) -> None:
        self._actions = actions
        self._escaped = False

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Do what the first keys say; return what is the guest's up to the next Ctrl-a, and the rest.

        So the guest gets what has been typed before a key of the host before its action happens.
        """
        while data:
            if self._escaped:
                self._escaped = False
                key, data = data[:1], data[1:]
                if key == ESCAPE:
                    return key, data
                if key in self._actions:
                    self._actions[key]()
            else:
                plain, escape, data = data.partition(ESCAPE)
                self._escaped = bool(escape)
                if plain:
                    return plain, data
        return b"", b""


class InputStream:
    """Implements ``paradrive.machine.run_loop.Host`` on a file descriptor: a terminal, a pipe or a file.

    ``before_wait`` is called before each wait, so that a prompt is seen by whom it asks. ``terminal`` is what
    the descriptor is, where it is one; only there ``keys`` are looked for.
    """

    def __init__(
        self,
        descriptor: int,
        before_wait: Callable[[], None] = lambda: None,
        *,
        terminal: Terminal | None = None,
        keys: HostKeys | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._before_wait = before_wait
        self._terminal = terminal
        self._keys = keys if terminal is not None and terminal.exists else None
        self._open = True
        # What has been read and is behind a key of the host.
        self._rest = b""

    def is_open(self) -> bool:
        """Tell whether the end of the input has not been seen yet."""
        return self._open

    def poll(self) -> bytes:
        """Return the input that has come."""
        return self._read(0) or b""

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        """Wait for input, at most ``nanoseconds`` or a tenth of a second; return it and the time passed."""
        self._before_wait()
        timeout = _MAX_WAIT if nanoseconds is None else min(nanoseconds, _MAX_WAIT)
        start = time.monotonic_ns()
        data = self._read(timeout / 1e9)
        if data is None:
            return b"", timeout
        return data, min(time.monotonic_ns() - start, timeout)

    def _read(self, timeout: float) -> bytes | None:
        """Return the input that comes within so many seconds, None if there is none."""
        data = self._rest or self._read_descriptor(timeout)
        if data and self._keys is not None:
            data, self._rest = self._keys.split(data)
        return data

    def _read_descriptor(self, timeout: float) -> bytes | None:
        if not self._open:
            return b""
        if self._terminal is not None and not self._terminal.claim():
            time.sleep(timeout)
            return None
        try:
            ready, _, _ = select.select([self._descriptor], [], [], timeout)
            if not ready:
                return None
            data = os.read(self._descriptor, _CHUNK)
        except (OSError, ValueError):  # closed, or not readable at all
            data = b""
        self._open = bool(data)
        return data


class Signals:
    r"""What signals do to a run, inside its ``with`` block.

    The first of ``ENDING_SIGNALS`` calls ``stop``, and ``ended_by`` tells which it was. After that only
    Ctrl-C and Ctrl-\ raise KeyboardInterrupt: a hang-up comes more than once, and must not end the saving
    that follows the first. Any of them raises it once ``run_is_over`` has been called without one. SIGTSTP
    (Ctrl-Z) and SIGCONT hand over ``terminal`` and take it back; ``actions`` are called on further signals.
    What this process was told to ignore, as by nohup, stays ignored.
    """

    def __init__(
        self,
        stop: Callable[[], None],
        terminal: Terminal,
        actions: Mapping[int, Callable[[], None]] | None = None,
    ) -> None:
        self.ended_by: int | None = None
        self._running = True
        self._stop, self._terminal, self._actions = stop, terminal, dict(actions or {})
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        handlers: dict[int, Callable[[int, FrameType | None], None]] = dict.fromkeys(
            ENDING_SIGNALS, self._end
        )
        handlers |= dict.fromkeys(self._actions, self._act)
        handlers |= {signal.SIGTSTP: self._suspend, signal.SIGCONT: self._continue}
        for number, handler in handlers.items():
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def run_is_over(self) -> None:
        """Let signals from now on end what follows the run, which ``stop`` cannot."""
        self._running = False

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self.ended_by is None and self._running:
            self.ended_by = number
            self._stop()
        elif self.ended_by is None or number in _IMPATIENT:
            raise KeyboardInterrupt

    def _act(self, number: int, frame: FrameType | None) -> None:
        self._actions[number]()

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        self._terminal.release()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # stops here until SIGCONT
        signal.signal(number, self._suspend)
        self._terminal.continued()

    def _continue(self, number: int, frame: FrameType | None) -> None:
        self._terminal.continued()

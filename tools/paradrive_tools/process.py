# SPDX-License-Identifier: GPL-2.0-or-later
"""What every command is as a process: one line for each failure, and the right exit status."""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from paradrive.host.inputs import InputError
from paradrive.host.printable import printable
from paradrive_tools import exit_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2


def as_process(execute: Callable[[], int]) -> int:
    """Execute a command as this process and return its exit status.

    Output that could not be written is status 2, whatever else the command did; where merely nobody reads it
    any more, 128 + SIGPIPE. What cannot be written to standard error is lost, and changes nothing.
    """
    _occupy_standard_descriptors()
    output = _Stream(_STANDARD_OUTPUT)
    sys.stdout = _text(output, sys.stdout, by_lines=os.isatty(_STANDARD_OUTPUT))
    sys.stderr = _text(_Stream(_STANDARD_ERROR), sys.stderr, by_lines=True)
    status = with_status(execute)
    sys.stdout.flush()
    if output.problem == errno.EPIPE:
        return exit_status.of_signal(signal.SIGPIPE)
    if output.problem is not None:
        _complain(f"standard output: {os.strerror(output.problem)}")
        return exit_status.BAD_INPUT
    return status


def with_status(execute: Callable[[], int]) -> int:
    """Execute a command and return its exit status; what it raises becomes one line on standard error."""
    try:
        return execute()
    except SystemExit as end:  # help has been printed, or what is wrong with an option
        return int(end.code or 0)
    except InputError as error:
        _complain(str(error))
        return exit_status.BAD_INPUT
    except OSError as error:
        parts = (error.filename, error.strerror or error)
        _complain(printable(": ".join(str(part) for part in parts if part)))
        return exit_status.BAD_INPUT
    except KeyboardInterrupt:
        print("paradrive: interrupted", file=sys.stderr)
        return exit_status.INTERRUPTED


def _complain(reason: str) -> None:
    print(f"paradrive: error: {reason}", file=sys.stderr)


def _occupy_standard_descriptors() -> None:
    """Open the standard descriptors that are closed, so that no file of the command becomes one of them.

    In the wrong direction: to read or to write fails as it would have.
    """
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free is this one.
            os.set_inheritable(os.open(os.devnull, flags), True)


def _text(stream: io.FileIO, like: TextIO | None, *, by_lines: bool) -> TextIO:
    """Return a text stream that encodes as ``like`` does, which is None where Python found none."""
    encoding, errors = (None, None) if like is None else (like.encoding, like.errors)
    return io.TextIOWrapper(io.BufferedWriter(stream), encoding, errors, line_buffering=by_lines)


class _Stream(io.FileIO):
    """A standard stream that never fails: ``problem`` is the errno of the first write that did."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.problem: int | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of the data; return how many bytes are done with."""
        if self.problem is None:
            try:
                while (written := super().write(data)) is None:  # whoever shares it does not want to wait
                    select.select([], [self], [])
                return written
            except OSError as error:
                self.problem = error.errno
        return memoryview(data).nbytes

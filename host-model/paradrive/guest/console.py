# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console as the host hears it: bytes, lines, and what waits for a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How much of the output is kept, in bytes; a guest can print without end.
KEPT_BYTES = 1 << 20
#: How the line begins in which a kernel tells that it has panicked, after its time stamp.
PANIC = "Kernel panic - not syncing"
#: A line that never ends is cut here.
MAX_LINE = 4096


class Console:
    """Takes the bytes which the guest's console UART sends, passes them on, and keeps the last of them.

    ``sink``, where given, gets the output as it comes: by whole lines, and by what there is of a line when
    ``flush`` is called.
    """

    def __init__(self, sink: Callable[[bytes], None] | None = None) -> None:
        self._sink = sink
        self._kept = bytearray()
        self._line = bytearray()
        self._flushed = 0
        self._watches: list[tuple[str, Callable[[str], None]]] = []

    @property
    def output(self) -> bytes:
        """The last bytes of the output, at least ``KEPT_BYTES`` where there have been so many."""
        return bytes(self._kept) + bytes(self._line)

    @property
    def lines(self) -> list[str]:
        """The last lines of the output, complete or not, without their ends."""
        return self.output.decode("utf-8", "replace").splitlines()

    def watch(self, text: str, found: Callable[[str], None]) -> None:
        """Call ``found`` with each line that ends from now on and contains ``text``."""
        self._watches.append((text, found))

    def unwatch(self, text: str, found: Callable[[str], None]) -> None:
        """Do not call ``found`` any more for lines that contain ``text``; ValueError if it would not be."""
        self._watches.remove((text, found))

    def transmit(self, byte: int) -> None:
        """Take one byte from the guest."""
        self._line.append(byte)
        if byte == 0x0A or len(self._line) == MAX_LINE:
            self._end_line()

    def flush(self) -> None:
        """Pass on what there is of a line that has not ended."""
        if self._sink is not None and self._flushed < len(self._line):
            self._sink(bytes(self._line[self._flushed :]))
        self._flushed = len(self._line)

    def end(self) -> None:
        """Pass on all that is left, and end the last line if the guest has not."""
        if self._line:
            self.transmit(0x0A)

    def _end_line(self) -> None:
        self.flush()
        line = self._line.decode("utf-8", "replace").rstrip("\r\n")
        self._kept += self._line
        if len(self._kept) > 2 * KEPT_BYTES:
            del self._kept[:-KEPT_BYTES]
        self._line.clear()
        self._flushed = 0
        for text, found in tuple(self._watches):
            if text in line:
                found(line)

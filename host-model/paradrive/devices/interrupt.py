# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupt lines: the wires from devices to the interrupt controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class InterruptLine:
    """A wire with a logical level: True is asserted, whatever the electrical polarity.

    ``sink`` is called with the new level whenever the level changes, and only then; a line without
    a sink is connected to nothing.
    """

    __slots__ = ("level", "sink")

    def __init__(self, sink: Callable[[bool], None] | None = None) -> None:
        self.sink = sink
        self.level = False

    def set(self, level: bool) -> None:
        """Drive the line to ``level``."""
        if level is not self.level:
            self.level = level
            if self.sink is not None:
                self.sink(level)

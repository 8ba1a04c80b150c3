# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from paradrive.devices.interrupt import InterruptLine


def test_sink_hears_changes_only() -> None:
    levels: list[bool] = []
    line = InterruptLine(levels.append)
    for level in (False, True, True, False, False, True):
        line.set(level)
    assert levels == [True, False, True]


def test_unconnected_line_keeps_its_level() -> None:
    line = InterruptLine()
    line.set(True)
    assert line.level is True

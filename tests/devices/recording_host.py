# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that remembers what devices have asked it for."""

from __future__ import annotations


class RecordingHost:
    def __init__(self) -> None:
        self.boot_reason = 0
        self.calls: list[tuple[str, int] | str] = []

    def power_off(self, code: int = 0) -> None:
        self.calls.append(("power_off", code))

    def reset(self) -> None:
        self.calls.append("reset")

    def panicked(self) -> None:
        self.calls.append("panicked")

    def crashed(self) -> None:
        self.calls.append("crashed")

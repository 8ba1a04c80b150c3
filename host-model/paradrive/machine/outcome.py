# SPDX-License-Identifier: GPL-2.0-or-later
"""How a run of a machine ends."""

from __future__ import annotations

from typing import NamedTuple


class PoweredOff(NamedTuple):
    """The guest powered itself off, with this exit code, ``through`` the device of this name."""

    code: int
    through: str = "pvctl"


class ResetLimit(NamedTuple):
    """The guest asked for one more reset than it was allowed."""

    limit: int


class Panicked(NamedTuple):
    """The guest's kernel panicked; ``message`` is what it or the device told about it."""

    message: str


class NoProgress(NamedTuple):
    """The guest came to no end; ``reason`` says why the machine gave up.

    ``pc`` and ``link`` are the effective addresses of the next instruction and in the link register.
    """

    reason: str
    pc: int
    link: int


class Interrupted(NamedTuple):
    """The user ended the run."""


Outcome = PoweredOff | ResetLimit | Panicked | NoProgress | Interrupted

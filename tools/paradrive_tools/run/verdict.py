# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict on a run: one line, and the exit status."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.inputs import InputError
from paradrive.host.printable import printable, printable_lines
from paradrive.machine.outcome import NoProgress, Outcome, Panicked, PoweredOff, ResetLimit
from paradrive_tools import exit_status
from paradrive_tools.run import terms

if TYPE_CHECKING:
    from paradrive.guest.console import Console
    from paradrive.machine.machine import Machine


#: Kinds of verdicts on a guest that has not come to an end of its own.
_FAILURES = frozenset(("panicked", "no-progress", "reset-limit"))


class Verdict(NamedTuple):
    """How a run ended: for programs (``kind``, ``exit_status``) and for people (``sentence``, one line)."""

    kind: str
    exit_status: int
    sentence: str


def judge(
    outcome: Outcome, machine: Machine, *, reset_ends: bool, signal_number: int | None = None
) -> Verdict:
    """Return the verdict on ``outcome``; with ``reset_ends``, a reset is the end that is wanted.

    ``signal_number`` is the signal that has interrupted the run, None where it was a key.
    """
    if isinstance(outcome, PoweredOff):
        sentence = f"guest powered off through {outcome.through} (SHUTDOWN, exit code {outcome.code})"
        return Verdict("powered-off", _status_of_code(outcome.code), sentence)
    if isinstance(outcome, ResetLimit) and reset_ends:
        sentence = f"guest reset itself ({machine.name} cannot power off)"
        return Verdict("reset", terms.EXIT_ENDED, sentence)
    if isinstance(outcome, ResetLimit):
        sentence = f"guest reached the reset limit: it wanted more than {outcome.limit} resets"
        return Verdict("reset-limit", terms.EXIT_RESET_LIMIT, sentence)
    if isinstance(outcome, Panicked):
        return Verdict("panicked", terms.EXIT_PANICKED, f"guest panicked ({printable(outcome.message)})")
    if isinstance(outcome, NoProgress):
        names = _Names(machine)
        place = f"at {names.of(outcome.pc)}, called from {names.of(outcome.link)}"
        sentence = f"guest makes no progress: {outcome.reason}; {place}"
        return Verdict("no-progress", terms.EXIT_NO_PROGRESS, sentence + _unimplemented(machine))
    number = signal_number or signal.SIGINT
    sentence = "interrupted" if number == signal.SIGINT else f"interrupted by {signal.Signals(number).name}"
    return Verdict("interrupted", exit_status.of_signal(number), sentence)


def unheard_log(machine: Machine, console: Console, verdict: Verdict) -> list[str]:
    """Return the lines of the kernel's log where nobody has heard of them: a guest that failed in silence.

    None of them where the kernel has no log, or its symbols do not tell where it is.
    """
    if verdict.kind not in _FAILURES or console.output:
        return []
    from paradrive.guest.kernel_log import log_buffer, read_log
    from paradrive.guest.memory import GuestMemory

    try:
        log = read_log(GuestMemory(machine), log_buffer(machine.kernel.contents))
    except (InputError, LookupError, ValueError):
        return []
    return printable_lines(log).splitlines()


def _status_of_code(code: int) -> int:
    return min(terms.EXIT_GUEST_CODE + code, terms.EXIT_GUEST_CODE_LAST) if code else terms.EXIT_ENDED


def _unimplemented(machine: Machine) -> str:
    """Return what may explain a hang: instructions the core does not have, as on another CPU's kernel."""
    counts = machine.vcpu.unimplemented.most_common(1)
    return f"; the core does not implement {counts[0][0]} (met {counts[0][1]} times)" if counts else ""


class _Names:
    """Names of code addresses, from the symbols of the kernel's file."""

    def __init__(self, machine: Machine) -> None:
        from paradrive.guest.symbols import Symbols

        self._kernel = machine.kernel
        self._symbols = Symbols.read(self._kernel.contents)

    def of(self, address: int) -> str:
        """Return the name and the address; early on a kernel runs at physical addresses."""
        linked = (address + self._kernel.virtual_offset) & 0xFFFF_FFFF
        name = self._symbols.describe(address) or self._symbols.describe(linked)
        return f"{name} ({address:#010x})" if name else f"{address:#010x}"

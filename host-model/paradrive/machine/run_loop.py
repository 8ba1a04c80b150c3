# SPDX-License-Identifier: GPL-2.0-or-later
"""How a machine runs: until its guest ends, panics, resets itself or makes no progress any more.

What the outside world says to a machine goes through ``Host``; what the machine says to it is the bytes of
the console and the outcome of ``run``.
"""

from __future__ import annotations

import abc
import enum
from typing import TYPE_CHECKING, Protocol

from paradrive.cpu.clock import NANOSECONDS_PER_SECOND, Clock
from paradrive.cpu.vcpu import RunExit
from paradrive.devices.pvctl import BootReason
from paradrive.machine.outcome import Interrupted, NoProgress, Outcome, Panicked, ResetLimit
from paradrive.machine.snapshot import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.vcpu import Vcpu
    from paradrive.devices.ns16550 import Ns16550

#: Instructions between two looks at the host's input and at the budget: some 2 ms on the compiled engine.
SLICE = 1_000_000
#: Queued bytes of input from which on the host is not asked for more: the guest does not keep up.
ENOUGH_INPUT = 4096
#: Instructions in which a kernel that has panicked may still print, call its notifiers and reset.
PANIC_GRACE = 100_000_000
#: What is remembered of a line on the console that the guest does not end, in bytes.
MAX_CONSOLE_LINE = 4096
#: Guest time, in nanoseconds, that a guest may idle without a word when nobody can wake it.
IDLE_LIMIT = 60 * NANOSECONDS_PER_SECOND
#: What each timer event takes of a budget at least, with the instructions before it: the host needs as long
#: for it. A kernel executes more from one to the next; a guest that has itself woken all the time does not.
EVENT_COST = 1000
_NEWLINE = 0x0A


class OnPanic(enum.Enum):
    """What to do with a guest whose kernel has panicked, once it has told about it.

    END: the run ends with `Panicked`. RESET: the host resets the machine. CONTINUE: the guest runs on, as on
    hardware; its kernel may reset the machine (``panic=``), or spin until the budget is used up.
    """

    END = "end"
    RESET = "reset"
    CONTINUE = "continue"


class Host(Protocol):
    """The input side of the world around a machine."""

    def is_open(self) -> bool:
        """Tell whether input may still come; if so, an idle guest waits for it in real time."""

    def poll(self) -> bytes:
        """Return the input that has come, without waiting; nothing once the input is closed."""

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        """Wait for input, at most ``nanoseconds``; return it, and how many of them have passed."""


class RunLoop(abc.ABC):
    """The running side of a machine; what it consists of, and what a reset does, is the subclass'.

    ``transmit`` gets each byte which the guest sends on its console.
    """

    vcpu: Vcpu
    #: The UART which is the kernel's console, None where the tree names none.
    console: Ns16550 | None

    def __init__(self, transmit: Callable[[int], None]) -> None:
        self.clock = Clock()
        #: How often the guest has been rebooted.
        self.resets = 0
        #: Why the guest was started last.
        self.boot_reason = BootReason.COLD
        #: How often its kernel has panicked.
        self.panics = 0
        self._transmit = transmit
        self._console_line = bytearray()
        self._appointment: tuple[int, Callable[[], None]] | None = None
        self._outcome: Outcome | None = None
        self._on_panic = OnPanic.END
        # Who has asked for a reset, which the run loop is yet to make.
        self._reset_requested: BootReason | None = None
        # Whether the guest has told of a crash since it was started.
        self._crashed = False
        self._panic_message: str | None = None
        self._panic_deadline = 0
        # What runs have taken of their budgets besides instructions.
        self._charges = 0
        self._ends_idle = False
        self._active_spent = 0
        self._active_time = 0

    @abc.abstractmethod
    def reset(self, reason: BootReason) -> None:
        """Reboot the guest."""

    def begin_anew(self) -> None:
        """Forget what the guest did before it was started, or started again."""
        self._panic_message = None
        self._crashed = False
        self._reset_requested = None

    @property
    def progress(self) -> Progress:
        """What the machine itself remembers of its guest."""
        return Progress(
            self.resets,
            self._reset_requested,
            self._panic_message,
            self._panic_deadline,
            bytes(self._console_line),
            self._crashed,
            self.panics,
            self.boot_reason,
        )

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self.resets, self.panics, self.boot_reason = progress.resets, progress.panics, progress.boot_reason
        self._reset_requested, self._crashed = progress.reset_requested, progress.crashed
        self._panic_message, self._panic_deadline = progress.panic_message, progress.panic_deadline
        self._console_line[:] = progress.console_line
        # An instruction of another past; whoever wants one makes another.
        self._appointment = None
        self._note_activity()

    @property
    def spent(self) -> int:
        """What runs have taken of their budgets so far: instructions, and what events take besides."""
        return self.vcpu.instructions + self._charges

    def panicked(self, message: str) -> None:
        """Take note that the guest's kernel has panicked; `OnPanic` says what comes of it."""
        self.crashed()
        if self._panic_message is None:
            self.panics += 1
            self._panic_message = message
            self._panic_deadline = self.vcpu.instructions + PANIC_GRACE
            self.vcpu.request_stop()

    def crashed(self) -> None:
        """Take note of a crash, of which the next start is told, whoever asks for the reset."""
        self._crashed = True

    def end(self, outcome: Outcome) -> None:
        """Let ``run`` return ``outcome`` after the present instruction."""
        self._outcome = outcome
        self.vcpu.request_stop()

    def interrupt(self) -> None:
        """Let ``run`` return, because the user wants it."""
        self.end(Interrupted())

    def request_reset(self, reason: BootReason = BootReason.GUEST_RESET) -> None:
        """Let ``run`` reboot the guest after the present instruction.

        The guest is told ``reason``, or AFTER_CRASH if it has reported a crash before.
        """
        self._reset_requested = reason
        self.vcpu.request_stop()

    def send_break(self) -> None:
        """Let the guest's console receive a serial break, after all input so far."""
        if self.console is not None:
            self.console.receive_break()

    def _console_byte(self, byte: int) -> None:
        self._note_activity()
        self._console_line.append(byte)
        if byte == _NEWLINE or len(self._console_line) == MAX_CONSOLE_LINE:
            self._console_line.clear()
        self._transmit(byte)

    def call_at(self, instructions: int, action: Callable[[], None]) -> None:
        """Let ``run`` call ``action`` once, between two instructions, when so many have been executed in all.

        There is one such appointment at most; a new one takes the place of the old.
        """
        self._appointment = instructions, action

    def _takes_input(self) -> bool:
        """Tell whether the host shall be asked for input; it could have any amount of it."""
        return self.console is not None and self.console.queued < ENOUGH_INPUT

    def _receive(self, data: bytes) -> None:
        if data and self.console is not None:
            self._note_activity()
            self.console.receive(data)

    def _note_activity(self) -> None:
        self._active_spent = self.spent
        self._active_time = self.clock.now()

    # The run loop

    @abc.abstractmethod
    def run_begins(self) -> None:
        """Take note that a run begins."""

    @abc.abstractmethod
    def run_ended(self) -> None:
        """Take note that a run has ended."""

    def run(
        self,
        budget: int,
        *,
        reset_limit: int,
        host: Host | None = None,
        on_panic: OnPanic = OnPanic.END,
        until_idle: bool = False,
    ) -> Outcome:
        """Run until the guest ends, and return how.

        It may execute ``budget`` instructions, and reset itself or be reset after a panic ``reset_limit``
        times; the host's resets do not count. Timer events that are less than ``EVENT_COST`` instructions
        apart take as much of the budget. While input may still come from ``host``, the budget counts from the
        last byte received or sent on the console. With ``until_idle`` the run is `Interrupted` as soon as the
        guest waits.
        """
        start, charges, resets_left = self.spent, self._charges, reset_limit
        self._outcome = None
        self._on_panic, self._ends_idle = on_panic, until_idle
        self._note_activity()
        self.run_begins()
        while self._outcome is None:
            if self._reset_is_due():
                by_host = self._reset_requested is BootReason.HOST_RESET
                if not by_host and resets_left == 0:
                    self._outcome = self._beyond_reset_limit(reset_limit)
                    break
                resets_left -= not by_host
                self._keep_reset_request()
            self._keep_appointment()
            if host is not None and self._takes_input():
                self._receive(host.poll())
            attended = host is not None and host.is_open()
            counted_from = max(start, self._active_spent) if attended else start
            remaining = counted_from + budget - self.spent
            if remaining <= 0:
                self._outcome = self._no_progress(_used_up(budget, self._charges - charges))
                break
            executed, events = self.vcpu.instructions, self.clock.events_run
            self._handle(self.vcpu.run(min(remaining, self._uninterrupted())), host if attended else None)
            cost = EVENT_COST * (self.clock.events_run - events)
            self._charges += max(cost - (self.vcpu.instructions - executed), 0)
        self.run_ended()
        return self._outcome

    def _keep_appointment(self) -> None:
        if self._appointment is not None and self.vcpu.instructions >= self._appointment[0]:
            action, self._appointment = self._appointment[1], None
            action()

    def _uninterrupted(self) -> int:
        """Return how many instructions to execute until the run loop has something else to look at."""
        now, length = self.vcpu.instructions, SLICE
        if self._appointment is not None:
            length = min(length, self._appointment[0] - now)
        if self._ends_by_panic():
            length = min(length, max(self._panic_deadline - now, 0))
        return length

    def _handle(self, run_exit: RunExit, host: Host | None) -> None:
        if run_exit is RunExit.IDLE:
            if self._ends_idle and not self._ends_by_panic():
                self._outcome = Interrupted()
            else:
                self._idle(host)
        elif run_exit is RunExit.RESET:
            self._reset_requested = BootReason.GUEST_RESET
        if self._ends_by_panic() and self._panic_is_over():
            self._follow_panic()

    def _reset_is_due(self) -> bool:
        """Tell whether to make the reset that is asked for; if a panic ends the run, it is not made."""
        unwanted = self._panic_message is not None and self._on_panic is OnPanic.END
        return self._reset_requested is not None and not unwanted

    def _keep_reset_request(self) -> None:
        assert self._reset_requested is not None
        self.reset(BootReason.AFTER_CRASH if self._crashed else self._reset_requested)

    def _beyond_reset_limit(self, limit: int) -> Outcome:
        """Return how a run ends that would need one more reset: a panic tells more than its reset."""
        return ResetLimit(limit) if self._panic_message is None else Panicked(self._panic_message)

    def _ends_by_panic(self) -> bool:
        """Tell whether the kernel has panicked, and may not go on as it likes."""
        return self._panic_message is not None and self._on_panic is not OnPanic.CONTINUE

    def _panic_is_over(self) -> bool:
        """Tell whether a kernel that has panicked has ended in its way, or will not any more."""
        if isinstance(self._outcome, Interrupted):
            return False
        requested = self._reset_requested is not None
        return self._outcome is not None or requested or self.vcpu.instructions >= self._panic_deadline

    def _follow_panic(self) -> None:
        assert self._panic_message is not None
        if self._on_panic is OnPanic.END:
            self._outcome = Panicked(self._panic_message)
        else:
            self._outcome = None
            self._reset_requested = self._reset_requested or BootReason.GUEST_RESET

    def _idle(self, host: Host | None) -> None:
        """Let guest time pass up to the next event, or to the input that comes before it."""
        now, due = self.clock.now(), self.clock.next_event()
        if host is not None and self._takes_input():
            data, passed = host.wait(None if due is None else max(due - now, 0))
            self._receive(data)
            until = now + passed
        elif due is None:
            self._outcome = self._no_progress("it idles, and nothing is due that could wake it")
            return
        elif due - self._active_time > IDLE_LIMIT:
            limit = IDLE_LIMIT // NANOSECONDS_PER_SECOND
            self._outcome = self._no_progress(f"it has idled for {limit} s of guest time")
            return
        else:
            until = due
        self.vcpu.skip_to(until)

    def _no_progress(self, reason: str) -> NoProgress:
        return NoProgress(reason, self.vcpu.state.pc, self.vcpu.state.lr)


def _used_up(budget: int, charges: int) -> str:
    """Tell of a budget of which events have taken so much."""
    events = f", {charges} of them for timers" if charges else ""
    return f"it has executed {budget} instructions{events}"

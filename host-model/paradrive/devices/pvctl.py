# SPDX-License-Identifier: GPL-2.0-or-later
"""The paravirtual system controller: the guest powers off, resets and reports crashes through it.

One 4 KiB page of 32-bit big-endian registers. Host and driver negotiate features: the host offers
them in FEATURES, the driver accepts some in ENABLE, and the device honours only those. So a guest survives a
move to a host with fewer features, and a feature can be retired.

What holds between device and driver besides the registers:

- EVENT keeps a request until the driver clears it, whoever the driver is: one clears what was requested of an
  earlier owner before it enables EVENTS, and later only what it has read.
- A request to a device whose EVENTS are not enabled is refused, and the host may repeat it.
- SHUTDOWN and RESET may be carried out a little after they were accepted; the guest runs on until then.
- A device that is gone reads as all ones.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paradrive.cpu.clock import Clock
from paradrive.devices.device import State, saved_integer, saved_rows
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, W1C, WO, Register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paradrive.cpu.clock import Event as ClockEvent
    from paradrive.devices.interrupt import InterruptLine

IDENTIFICATION = int.from_bytes(b"PVCT", "big")
VERSION_1_0 = 1 << 16


class Feature(enum.IntFlag):
    """What a host can offer and a driver accept."""

    SHUTDOWN = 1 << 0
    RESET = 1 << 1
    CRASH = 1 << 2
    EVENTS = 1 << 3
    BOOT_REASON = 1 << 4


ALL_FEATURES = Feature.SHUTDOWN | Feature.RESET | Feature.CRASH | Feature.EVENTS | Feature.BOOT_REASON


class Command(enum.IntEnum):
    """What a driver can ask for; each needs the feature of its name."""

    SHUTDOWN = 1
    RESET = 2
    CRASH = 3

    def __call__(self, argument: int = 0, status: Status | None = None) -> CommandRecord:
        """Return the record of this command, accepted unless ``status`` says otherwise."""
        return CommandRecord(self, argument, Status.OK if status is None else status)


class Status(enum.IntEnum):
    """What became of the last command."""

    OK = 0
    UNKNOWN = 1
    NOT_ENABLED = 2
    BAD_ARGUMENT = 3


class ResetKind(enum.IntEnum):
    """Argument of RESET."""

    COLD = 0
    WARM = 1


class CrashKind(enum.IntEnum):
    """Argument of CRASH: the guest stays panicked, or a crash kernel takes over."""

    PANICKED = 0
    CRASH_KERNEL = 1


class Event(enum.IntFlag):
    """What a host can request of the guest."""

    SHUTDOWN = 1 << 0
    REBOOT = 1 << 1
    CRASH = 1 << 2


class BootReason(enum.IntEnum):
    """Why the guest has started."""

    COLD = 0
    GUEST_RESET = 1
    HOST_RESET = 2
    AFTER_CRASH = 3


class PvctlHost(Protocol):
    """What the machine does for the device; called from inside the guest's register write."""

    def shutdown(self, code: int) -> None:
        """End the guest with exit code ``code``; it runs no further instruction."""

    def reset(self, kind: ResetKind) -> None:
        """Reset the machine; the guest runs no further instruction."""

    def crash(self, kind: CrashKind) -> None:
        """Take note of a crash; the guest runs on."""


class CommandRecord(NamedTuple):
    """One write of COMMAND: its value, ARGUMENT then, and what STATUS says of it."""

    command: int
    argument: int
    status: Status


class PendingCommand(NamedTuple):
    """An accepted SHUTDOWN or RESET, its argument, and the guest time at which it is carried out (ns)."""

    command: int
    argument: int
    due: int


FEATURE_OF = {
    Command.SHUTDOWN: Feature.SHUTDOWN,
    Command.RESET: Feature.RESET,
    Command.CRASH: Feature.CRASH,
}
# A command that is not listed takes any argument.
ARGUMENTS_OF: dict[Command, type[enum.IntEnum]] = {Command.RESET: ResetKind, Command.CRASH: CrashKind}


#: No guest time comes after it, in nanoseconds: 292 years.
LATEST = 1 << 63


def _can_be_pending(pending: PendingCommand) -> bool:
    if pending.command == Command.RESET:
        return pending.argument in list(ResetKind)
    return pending.command == Command.SHUTDOWN


class Pvctl(RegisterDevice):
    """The device "qemu,pvctl".

    ``interrupt`` is its line, None where the tree gives it none. ``features`` and ``version`` (major << 16
    | minor) tell which device the guest finds: an older one, or one it cannot know. ``clock`` is guest time,
    which a host that takes its time needs (``delay``).
    """

    compatible = ("qemu,pvctl",)
    #: 2: a command may be pending.
    state_version = 2
    #: How many commands are remembered; a guest can write without end.
    COMMANDS_KEPT = 64

    ID = Register(0x00, RO, 'The text "PVCT".', reset=IDENTIFICATION, constant=True)
    VERSION = Register(
        0x04, RO, "Major version << 16 | minor; a driver refuses an unknown major.", constant=True
    )
    FEATURES = Register(0x08, RO, "What the host offers.", fields=Feature, constant=True)
    ENABLE = Register(
        0x0C, RW, "What the driver accepts of FEATURES; other bits are dropped.", fields=Feature
    )
    COMMAND = Register(0x10, WO, "Executes a command.", fields=Command)
    ARGUMENT = Register(0x14, RW, "Argument of the next command: exit code, kind of reset or crash.")
    STATUS = Register(0x18, RO, "What became of the last command.", fields=Status)
    EVENT = Register(0x1C, W1C, "Requests of the host.", fields=Event)
    EVENT_MASK = Register(0x20, RW, "The interrupt is raised while EVENT & EVENT_MASK != 0.", fields=Event)
    BOOT_REASON = Register(0x24, RO, "Why the guest has started; 0 unless enabled.", fields=BootReason)

    def __init__(
        self,
        interrupt: InterruptLine | None,
        host: PvctlHost,
        *,
        features: int = ALL_FEATURES,
        version: int = VERSION_1_0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(interrupt)
        self.VERSION = version
        self.FEATURES = int(features)
        #: The machine sets it when it starts the guest; ``reset`` leaves it alone.
        self.boot_reason = BootReason.COLD
        #: Guest time, in nanoseconds, from the acceptance of SHUTDOWN or RESET until the host carries it out;
        #: the first one that was accepted stands. It is the host's as ``boot_reason``: ``reset`` leaves it.
        self.delay = 0
        self._commands: deque[CommandRecord] = deque(maxlen=self.COMMANDS_KEPT)
        self._host = host
        self._clock = clock or Clock()
        self._pending: PendingCommand | None = None
        self._event: ClockEvent | None = None

    @property
    def commands(self) -> list[CommandRecord]:
        """The last commands of the guest, in their order."""
        return list(self._commands)

    @property
    def enabled(self) -> Feature:
        """What the driver has accepted."""
        return Feature(self.ENABLE)

    def request(self, event: Event) -> bool:
        """Request something of the guest; False when no driver has enabled EVENTS to see it."""
        if not self.ENABLE & Feature.EVENTS:
            return False
        self.EVENT |= int(event)
        self._update_interrupt()
        return True

    def reset(self) -> None:
        """Return to the power-on state; the host's ``boot_reason``, ``delay`` and ``commands`` stay."""
        super().reset()
        self._await(None)
        self._update_interrupt()

    def save(self) -> State:
        """Return the registers, why the guest has started, and what the host is yet to carry out."""
        pending = [] if self._pending is None else [list(self._pending)]
        return super().save() | {
            "boot_reason": int(self.boot_reason),
            "delay": self.delay,
            "pending": pending,
        }

    def capture(self) -> Callable[[], None]:
        """Return what brings back what ``save`` saves, and forgets ``commands``, as ``load``."""
        revert_registers, boot_reason = super().capture(), self.boot_reason
        delay, pending = self.delay, self._pending

        def revert() -> None:
            revert_registers()
            self.ENABLE &= self.FEATURES
            self.boot_reason = boot_reason
            self.delay = delay
            self._await(pending)
            self._commands.clear()
            self._update_interrupt()

        return revert

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; features this host does not offer are no longer enabled then."""
        super().load(state)
        self.ENABLE &= self.FEATURES
        reason = saved_integer(self, state, "boot_reason", BootReason.COLD)
        if reason not in list(BootReason):
            raise ValueError(f"{self.name}: saved state: boot_reason {reason} is unknown")
        self.boot_reason = BootReason(reason)
        delay = saved_integer(self, state, "delay", 0)
        if not 0 <= delay < LATEST:
            raise ValueError(f"{self.name}: saved state: delay {delay} is no guest time")
        self.delay = delay
        self._await(self._saved_command(state))
        self._commands.clear()
        self._update_interrupt()

    def destroy(self) -> None:
        """Forget what the host is yet to carry out."""
        self._await(None)

    def _saved_command(self, state: Mapping[str, object]) -> PendingCommand | None:
        rows = saved_rows(self, state, "pending", (Command.RESET + 1, 1 << 32, LATEST))
        commands = [PendingCommand(*row) for row in rows]
        if len(commands) > 1 or any(not _can_be_pending(command) for command in commands):
            raise ValueError(f"{self.name}: saved state: pending holds what no host carries out")
        return commands[0] if commands else None

    @ENABLE.on_write
    def _write_enable(self, value: int) -> None:
        self.ENABLE = value & self.FEATURES

    @COMMAND.on_write
    def _write_command(self, value: int) -> None:
        status = self._judge(value)
        self.STATUS = int(status)
        self._commands.append(CommandRecord(value, self.ARGUMENT, status))
        if status is not Status.OK:
            return
        if value == Command.CRASH:
            self._host.crash(CrashKind(self.ARGUMENT))
        elif not self.delay and self._pending is None:
            self._end_guest(value, self.ARGUMENT)
        elif self._pending is None:
            self._await(PendingCommand(value, self.ARGUMENT, self._clock.now() + self.delay))

    def _await(self, pending: PendingCommand | None) -> None:
        """Let the host carry out ``pending`` when it is due, and nothing else."""
        if self._event is not None:
            self._event.cancel()
        self._pending = pending
        self._event = None if pending is None else self._clock.at(pending.due, self._carry_out)

    def _carry_out(self) -> None:
        assert self._pending is not None
        command, argument, _ = self._pending
        self._await(None)
        self._end_guest(command, argument)

    def _end_guest(self, command: int, argument: int) -> None:
        if command == Command.SHUTDOWN:
            self._host.shutdown(argument)
        else:
            self._host.reset(ResetKind(argument))

    def _judge(self, value: int) -> Status:
        try:
            command = Command(value)
        except ValueError:
            return Status.UNKNOWN
        if not self.ENABLE & FEATURE_OF[command]:
            return Status.NOT_ENABLED
        arguments = ARGUMENTS_OF.get(command)
        if arguments is not None and self.ARGUMENT not in list(arguments):
            return Status.BAD_ARGUMENT
        return Status.OK

    @EVENT.on_write
    def _write_event(self, value: int) -> None:
        self.EVENT &= ~value
        self._update_interrupt()

    @EVENT_MASK.on_write
    def _write_event_mask(self, value: int) -> None:
        self.EVENT_MASK = value
        self._update_interrupt()

    @BOOT_REASON.on_read
    def _read_boot_reason(self) -> int:
        return int(self.boot_reason) if self.ENABLE & Feature.BOOT_REASON else 0

    def _update_interrupt(self) -> None:
        self.interrupt.set(self.EVENT & self.EVENT_MASK != 0)

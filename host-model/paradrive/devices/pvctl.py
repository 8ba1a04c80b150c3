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
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.interrupt import Interrupt
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, W1C, WO, Register
from paradrive.devices.state import State
from paradrive.devices.timer import MAX_TIME, Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


class CommandRecord(NamedTuple):
    """One write of COMMAND: its value, ARGUMENT then, and what STATUS says of it."""

    command: int
    argument: int
    status: Status


FEATURE_OF = {
    Command.SHUTDOWN: Feature.SHUTDOWN,
    Command.RESET: Feature.RESET,
    Command.CRASH: Feature.CRASH,
}
# A command that is not listed takes any argument.
ARGUMENTS_OF: dict[Command, type[enum.IntEnum]] = {Command.RESET: ResetKind, Command.CRASH: CrashKind}


class Pvctl(RegisterDevice):
    """The device "qemu,pvctl".

    ``features`` and ``version`` (major << 16 | minor) tell which device the guest finds: an older one, or one
    it cannot know.
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

    irq = Interrupt()
    #: Guest time, in nanoseconds, from the acceptance of SHUTDOWN or RESET until the host carries it out; the
    #: first one that was accepted stands. It is the host's: a reset leaves it alone.
    delay = State(int, limit=MAX_TIME, survives_reset=True)
    #: The accepted command that the host is yet to carry out, 0 if there is none, and its argument then.
    pending = State(int, limit=Command.RESET + 1)
    pending_argument = State(int, limit=1 << 32)
    carried_out = Timer()
    recent = State(deque, of=CommandRecord, limit=COMMANDS_KEPT, survives_reset=True, saved=False)

    def __init__(self, *, features: int = ALL_FEATURES, version: int = VERSION_1_0) -> None:
        super().__init__()
        self.VERSION = version
        self.FEATURES = int(features)

    @property
    def commands(self) -> list[CommandRecord]:
        """The last commands of the guest, in their order; a reset leaves them, a restore does not."""
        return list(self.recent)

    @property
    def boot_reason(self) -> BootReason:
        """Why the guest has started; the machine around the device knows."""
        return BootReason(self.host.boot_reason)

    @property
    def enabled(self) -> Feature:
        """What the driver has accepted."""
        return Feature(self.ENABLE)

    def request(self, event: Event) -> bool:
        """Request something of the guest; False when no driver has enabled EVENTS to see it."""
        if not self.ENABLE & Feature.EVENTS:
            return False
        self.EVENT |= int(event)
        return True

    def capture(self) -> Callable[[], None]:
        """Return what brings the state back; features this host does not offer any more are not enabled."""
        revert_all = super().capture()

        def revert() -> None:
            revert_all()
            self.ENABLE &= self.FEATURES

        return revert

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; features this host does not offer are no longer enabled then."""
        super().load(state)
        self.ENABLE &= self.FEATURES
        if self.pending and not self.carried_out.is_running:
            raise ValueError(f"{self.name}: saved state: pending is not due")

    @irq.level
    def _requested(self) -> int:
        return self.EVENT & self.EVENT_MASK

    @ENABLE.on_write
    def _write_enable(self, value: int) -> None:
        self.ENABLE = value & self.FEATURES

    @COMMAND.on_write
    def _write_command(self, value: int) -> None:
        status = self._judge(value)
        self.STATUS = int(status)
        self.recent.append(CommandRecord(value, self.ARGUMENT, status))
        if status is not Status.OK:
            return
        if value == Command.CRASH:
            self._report_crash(CrashKind(self.ARGUMENT))
        elif not self.pending:
            self.pending, self.pending_argument = value, self.ARGUMENT
            if self.delay:
                self.carried_out.after(self.delay)
            else:
                self._carry_out()

    @carried_out.expires
    def _carry_out(self) -> None:
        command, self.pending = self.pending, 0
        if command == Command.SHUTDOWN:
            self.host.power_off(self.pending_argument)
        elif command == Command.RESET:
            # The model does not tell warm from cold.
            self.host.reset()

    def _report_crash(self, kind: CrashKind) -> None:
        if kind is CrashKind.PANICKED:
            self.host.panicked()
        else:
            self.host.crashed()

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

    @BOOT_REASON.on_read
    def _read_boot_reason(self) -> int:
        return int(self.host.boot_reason) if self.ENABLE & Feature.BOOT_REASON else 0

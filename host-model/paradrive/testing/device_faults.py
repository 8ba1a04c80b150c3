# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults at the side of the device: what it does comes late, never, twice, in another order, or damaged.

Each fault stands between the device and one thing that it does: the hook of a register, a timer, an
interrupt, its accesses to guest memory (`paradrive.devices.device.Device.intercept`). It counts, so that two
runs are the same, and it ends with the test.
"""

from __future__ import annotations

import abc
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from paradrive.devices.device import MEMORY_READ, MEMORY_WRITE
from paradrive.devices.dma import zeros
from paradrive.devices.interrupt import Interrupt
from paradrive.testing.broken_device import BrokenDevice
from paradrive.testing.view import MachineView

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.device import Device
    from paradrive.devices.interrupt import InterruptLine

Direction = Literal["read", "write"]


def flip_lowest_bit(data: bytes) -> bytes:
    """Return data in which the lowest bit of the first byte is another."""
    return bytes((data[0] ^ 1,)) + data[1:] if data else data


class DeviceFault(abc.ABC):
    """What goes wrong with some calls of one kind: with ``times`` of them, from the one numbered ``call`` on.

    ``calls`` counts them since the fault began. A call is one of a hook, one expiry of a timer, one assertion
    of an interrupt, or one access to memory.
    """

    def __init__(self, device: Device, what: str, call: int, times: int) -> None:
        if call < 1 or times < 1:
            raise ValueError(f"there is no call {call}, {times} times: the next one is 1")
        self.device, self.call, self.times = device, call, times
        self.calls = 0
        self._release = device.intercept(what, self._intercept)

    @property
    def happened(self) -> bool:
        """Whether all has gone wrong that was to."""
        return self.calls >= self.call + self.times - 1

    def end(self) -> None:
        """Let everything go right from now on."""
        self._release()

    def _is_affected(self) -> bool:
        """Count a call; tell whether it goes wrong."""
        self.calls += 1
        return self.call <= self.calls < self.call + self.times

    @abc.abstractmethod
    def _intercept(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make the call, or what comes in its place."""


class _Action(DeviceFault):
    """A fault of a hook or a timer."""

    def _intercept(self, call: Callable[..., Any], *arguments: Any) -> None:
        if self._is_affected():
            self._go_wrong(partial(call, *arguments))
        else:
            call(*arguments)

    @abc.abstractmethod
    def _go_wrong(self, action: Callable[[], Any]) -> None:
        """Do what comes in the place of the action."""


class Lost(_Action):
    """Actions that never come."""

    def _go_wrong(self, action: Callable[[], Any]) -> None:
        return


class Repeated(_Action):
    """Actions that come twice."""

    def _go_wrong(self, action: Callable[[], Any]) -> None:
        action()
        action()


class Delayed(_Action):
    """Actions that come some nanoseconds of guest time later."""

    def __init__(self, device: Device, what: str, call: int, times: int, nanoseconds: int) -> None:
        self._nanoseconds = nanoseconds
        super().__init__(device, what, call, times)

    def _go_wrong(self, action: Callable[[], Any]) -> None:
        self.device.defer(self._nanoseconds, action)


class Overtaken(DeviceFault):
    """Actions that wait until the next one which is none of them has come; they keep their order."""

    def __init__(self, device: Device, what: str, call: int, times: int) -> None:
        self._waiting: list[Callable[[], Any]] = []
        super().__init__(device, what, call, times)

    @property
    def happened(self) -> bool:
        """Whether they have been overtaken."""
        return self.calls >= self.call + self.times

    def _intercept(self, call: Callable[..., Any], *arguments: Any) -> None:
        if self._is_affected():
            self._waiting.append(partial(call, *arguments))
            return
        call(*arguments)
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()


class _InterruptFault(DeviceFault):
    """A fault of an interrupt; what becomes of an assertion becomes of its end, too."""

    _affected = False

    def _intercept(self, call: Callable[[bool], None], level: bool) -> None:
        if level:
            self._affected = self._is_affected()
        if self._affected:
            self._go_wrong(call, level)
        else:
            call(level)

    @abc.abstractmethod
    def _go_wrong(self, call: Callable[[bool], None], level: bool) -> None:
        """Do what comes in the place of a change of the level."""


class LostInterrupt(_InterruptFault):
    """Assertions that do not arrive."""

    def _go_wrong(self, call: Callable[[bool], None], level: bool) -> None:
        return


class DelayedInterrupt(_InterruptFault):
    """Assertions that arrive some nanoseconds of guest time later; what has ended before is a pulse then."""

    def __init__(self, device: Device, what: str, call: int, times: int, nanoseconds: int) -> None:
        self._nanoseconds = nanoseconds
        self._due = 0
        super().__init__(device, what, call, times)

    def _go_wrong(self, call: Callable[[bool], None], level: bool) -> None:
        now = self.device.clock.now()
        if level:
            self._due = now + self._nanoseconds
        if level or now < self._due:
            self.device.defer(self._due - now, partial(call, level))
        else:
            call(level)


class RepeatedInterrupt(_InterruptFault):
    """Assertions that the guest gets once more behind each: when it has acknowledged the first."""

    def __init__(self, device: Device, what: str, call: int, times: int, again: InterruptLine) -> None:
        self._again = again
        declaration = device.declarations[what]
        assert isinstance(declaration, Interrupt)
        self._line = declaration.wire(device)
        super().__init__(device, what, call, times)

    def _go_wrong(self, call: Callable[[bool], None], level: bool) -> None:
        if level:
            self._line.acknowledged = self._assert_again
        call(level)

    def _assert_again(self) -> None:
        self._line.acknowledged = None
        self._again.acknowledged = self._let_go
        self._again.set(True)

    def _let_go(self) -> None:
        self._again.acknowledged = None
        self._again.set(False)

    def end(self) -> None:
        """Let go."""
        super().end()
        self._line.acknowledged = None
        self._let_go()


class CorruptedAccess(DeviceFault):
    """Accesses to memory of which some bytes are others than they should be."""

    def __init__(
        self, device: Device, direction: Direction, call: int, times: int, change: Callable[[bytes], bytes]
    ) -> None:
        self._change = change
        self._writes = direction == "write"
        super().__init__(device, MEMORY_WRITE if self._writes else MEMORY_READ, call, times)

    def _intercept(self, call: Callable[..., Any], address: int, data_or_size: Any) -> Any:
        affected = self._is_affected()
        if self._writes:
            return call(address, self._change(bytes(data_or_size)) if affected else data_or_size)
        data = call(address, data_or_size)
        return self._change(data) if affected else data


class FailedAccess(DeviceFault):
    """Accesses to memory that fail: a read is zeros, a write changes nothing and the device is told so."""

    def __init__(self, device: Device, direction: Direction, call: int, times: int) -> None:
        self._writes = direction == "write"
        super().__init__(device, MEMORY_WRITE if self._writes else MEMORY_READ, call, times)

    def _intercept(self, call: Callable[..., Any], address: int, data_or_size: Any) -> Any:
        if not self._is_affected():
            return call(address, data_or_size)
        return False if self._writes else zeros(data_or_size)


class Removal:
    """A device that has been taken out while the guest ran.

    It reads as all ones, writes are lost, its interrupts are let go, its timers and its accesses to memory
    have stopped.
    """

    def __init__(self, device: Device, broken: BrokenDevice) -> None:
        self.device = device
        self._broken = broken
        broken.is_gone = True
        device.drop_deferred()
        self._releases = [
            device.intercept(MEMORY_READ, lambda call, address, size: zeros(size)),
            device.intercept(MEMORY_WRITE, lambda call, address, data: False),
        ]
        for name, declaration in device.declarations.items():
            if declaration.action is not None or isinstance(declaration, Interrupt):
                self._releases.append(device.intercept(name, lambda call, *arguments: None))
        for interrupt in device.declarations.values():
            if isinstance(interrupt, Interrupt):
                interrupt.wire(device).set(False)

    def back(self) -> None:
        """Put the device in again; it is in its power-on state, and the guest has to find out."""
        self.end()
        self.device.reset()

    def end(self) -> None:
        """Let the device be what it was."""
        self._broken.is_gone = False
        for release in self._releases:
            release()


class DeviceFaults(MachineView):
    """A machine of which devices can be made to fail; `end_device_faults` ends all that.

    Faults of an action take its name: a register or a window with a hook, a timer, or an interrupt, as the
    class declares it. ``call`` is 1 for the next one, ``times`` how many from then on. LookupError where the
    device has no such action, or is one of another machine; ValueError for a number that cannot be.
    """

    def __init__(self) -> None:
        self._broken: list[BrokenDevice] = []
        self._device_faults: list[DeviceFault | Removal] = []
        self._extra_lines: dict[tuple[str, int | str, bool], InterruptLine] = {}

    def delay(
        self, device: Device, action: str, nanoseconds: int, *, call: int = 1, times: int = 1
    ) -> DeviceFault:
        """Let an action come later, in guest time; a register whose hook is told has its new value meanwhile.

        A guest that is saved while it waits cannot take the action along: InputError.
        """
        kind = DelayedInterrupt if self._is_interrupt(device, action) else Delayed
        return self._begin(kind(device, action, call, times, nanoseconds))

    def lose(self, device: Device, action: str, *, call: int = 1, times: int = 1) -> DeviceFault:
        """Let an action never come: the interrupt is lost, the request is not carried out."""
        kind = LostInterrupt if self._is_interrupt(device, action) else Lost
        return self._begin(kind(device, action, call, times))

    def repeat(self, device: Device, action: str, *, call: int = 1, times: int = 1) -> DeviceFault:
        """Let an action come twice; an interrupt comes again when the guest has acknowledged the first."""
        if not self._is_interrupt(device, action):
            return self._begin(Repeated(device, action, call, times))
        again = self._extra_line(device, self._interrupt_key(device, action), is_held=False)
        return self._begin(RepeatedInterrupt(device, action, call, times, again))

    def overtake(self, device: Device, action: str, *, call: int = 1, times: int = 1) -> DeviceFault:
        """Let requests be completed out of order: these wait until the one behind them has been carried out.

        ``action`` is no interrupt, which says nothing but that there is something.
        """
        if self._is_interrupt(device, action):
            raise LookupError(f"{device.name}: {action} is an interrupt, and has no order")
        return self._begin(Overtaken(device, action, call, times))

    def corrupt_memory(
        self,
        device: Device,
        change: Callable[[bytes], bytes] = flip_lowest_bit,
        *,
        direction: Direction = "write",
        call: int = 1,
        times: int = 1,
    ) -> DeviceFault:
        """Let what the device writes to guest memory, or reads from there, be what ``change`` makes of it.

        Unless told otherwise that is the lowest bit of the first byte.
        """
        self._path(device)
        return self._begin(CorruptedAccess(device, direction, call, times, change))

    def fail_memory(
        self, device: Device, *, direction: Direction = "write", call: int = 1, times: int = 1
    ) -> DeviceFault:
        """Let accesses of the device to guest memory fail, as ones to what is no RAM do.

        That is no guest error: the guest has done nothing wrong.
        """
        self._path(device)
        return self._begin(FailedAccess(device, direction, call, times))

    def remove(self, device: Device) -> Removal:
        """Take a device out while the guest runs; ``back()`` of what is returned puts it in again."""
        removal = Removal(device, self._break(device))
        self._device_faults.append(removal)
        return removal

    def answer(self, device: Device, register: str, value: int) -> None:
        """Let the guest read ``value`` from a register, named as in traces: its name, or NAME[index].

        LookupError where the device has no such register. Writes still reach the device.
        """
        self._break(device).answer(register, value)

    def answer_all_ones(self, device: Device) -> None:
        """Let the guest read all ones from everywhere in the device, and lose its writes.

        All else of it goes on, as behind a bus that does not answer any more; `remove` stops that, too.
        """
        self._break(device).is_gone = True

    def hold_interrupt(self, device: Device, interrupt: str | None = None) -> InterruptLine:
        """Assert an interrupt, whatever the device does: one that its class declares, or the node's first.

        The line that is returned can be let go: ``line.set(False)``. LookupError where there is none.
        """
        key = 0 if interrupt is None else self._interrupt_key(device, interrupt)
        line = self._extra_line(device, key, is_held=True)
        line.set(True)
        return line

    def end_device_faults(self) -> None:
        """Let everything go right again; what is waiting never comes."""
        for fault in reversed(self._device_faults):
            fault.end()
        self._device_faults.clear()
        for device in self.machine.devices.values():
            device.drop_deferred()
        for broken in self._broken:
            self.machine.bus.replace(broken, broken.original)
        self._broken.clear()

    def _begin(self, fault: DeviceFault) -> DeviceFault:
        self._device_faults.append(fault)
        return fault

    def _path(self, device: Device) -> str:
        """Return the path of a device's node; LookupError for a device of another machine."""
        for path, other in self.machine.devices.items():
            if other is device:
                return path
        raise LookupError(f"{device.name} is no device of this machine")

    def _is_interrupt(self, device: Device, action: str) -> bool:
        """Tell whether an action is an interrupt; LookupError for one that leads nowhere."""
        path = self._path(device)
        interrupt = device.declarations.get(action)
        if isinstance(interrupt, Interrupt) and interrupt.wire(device).sink is None:
            raise LookupError(f"{path} has no interrupt {interrupt.key!r}")
        return isinstance(interrupt, Interrupt)

    def _interrupt_key(self, device: Device, interrupt: str) -> int | str:
        declaration = device.declarations.get(interrupt)
        if not isinstance(declaration, Interrupt):
            raise LookupError(f"{device.name} has no interrupt {interrupt!r}")
        return declaration.key

    def _extra_line(self, device: Device, key: int | str, *, is_held: bool) -> InterruptLine:
        """Return a line of our own into an interrupt of a device's node; always the same one."""
        place = self._path(device), key, is_held
        line = self._extra_lines.get(place) or device.services.interrupt(key)
        if line is None:
            raise LookupError(f"{place[0]} has no interrupt {key!r}")
        self._extra_lines[place] = line
        return line

    def _break(self, device: Device) -> BrokenDevice:
        """Return what answers in the place of a device from now on."""
        self._path(device)
        for broken in self._broken:
            if broken.original is device:
                return broken
        self._broken.append(BrokenDevice(device))
        self.machine.bus.replace(device, self._broken[-1])
        return self._broken[-1]

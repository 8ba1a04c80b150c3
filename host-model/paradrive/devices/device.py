# SPDX-License-Identifier: GPL-2.0-or-later
"""What every device is: accesses, life cycle, and the record of what the guest did wrong."""

from __future__ import annotations

import abc
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from paradrive.devices.interrupt import InterruptLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

State = dict[str, object]
"""Saved state of a device: what JSON can hold (int, str, bool, None, lists and dicts of these)."""


class GuestError(NamedTuple):
    """One access that the guest should not have made.

    ``offset`` counts from the device's first register, or is the physical address where no device is.
    """

    device: str
    offset: int
    size: int
    is_write: bool
    value: int

    def __str__(self) -> str:
        if self.is_write:
            return f"{self.device}: undefined {self.size}-byte write of {self.value:#x} at {self.offset:#x}"
        return f"{self.device}: undefined {self.size}-byte read at {self.offset:#x}"


class GuestErrorLog:
    """Counts guest errors and keeps the first of them: a guest in a loop must not fill the host's memory."""

    LIMIT = 64

    def __init__(self) -> None:
        self.count = 0
        self.entries: list[GuestError] = []

    def record(self, error: GuestError) -> None:
        """Count ``error``, and keep it while there is room."""
        self.count += 1
        if len(self.entries) < self.LIMIT:
            self.entries.append(error)

    def clear(self) -> None:
        """Forget all errors."""
        self.count = 0
        self.entries.clear()


class Device(abc.ABC):
    """A device in the physical address map.

    Its life cycle is driven by the machine: the constructor creates it in its power-on state,
    ``reset()`` returns it there, ``save()`` and ``load()`` carry its state over, ``destroy()`` ends it.

    Offsets count in bytes from the device's first register, sizes are 1, 2, 4 or 8 bytes, values are
    unsigned. Nothing the guest does may raise: an access that the device does not define is
    recorded in ``guest_errors``, reads as 0 and changes nothing.
    """

    #: The device tree's ``compatible`` strings which this class models.
    compatible: ClassVar[tuple[str, ...]] = ()
    #: Version of the saved state; raise it when an older model could not understand the state any more.
    state_version: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "load" in vars(cls) and "capture" not in vars(cls):
            # What it saves besides its base does, the base's faster way would miss.
            cls.capture = Device.capture  # type: ignore[method-assign]

    def __init__(self, interrupt: InterruptLine | None = None) -> None:
        #: The line of its interrupt; without one, a line that leads nowhere.
        self.interrupt = interrupt or InterruptLine()
        #: Names the device in messages and traces; the machine puts the tree's node name here.
        self.name = type(self).__name__.lower()
        self.guest_errors = GuestErrorLog()

    @abc.abstractmethod
    def reader(self, offset: int, size: int) -> Callable[[], int]:
        """Return the function that performs one read here; it may be kept and called any number of times."""

    @abc.abstractmethod
    def writer(self, offset: int, size: int) -> Callable[[int], None]:
        """Return the function that performs one write of a value of ``size`` bytes here; as ``reader``."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Return to the power-on state."""

    def register_name(self, offset: int, is_write: bool) -> str:
        """Return the name of the register which an access reaches now, for traces."""
        return f"{offset:#x}"

    def read(self, offset: int, size: int) -> int:
        """Perform one read."""
        return self.reader(offset, size)()

    def write(self, offset: int, size: int, value: int) -> None:
        """Perform one write; bits of ``value`` beyond ``size`` bytes are dropped."""
        # A test may well pass a member of an enum; the device shall hold plain ints.
        self.writer(offset, size)(int(value) & ((1 << 8 * size) - 1))

    def save(self) -> State:
        """Return the state; a subclass adds its own keys to these."""
        return {"version": self.state_version}

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; a subclass loads its own keys after calling this.

        What an older version did not save gets its power-on value. Interrupt lines go straight to their
        levels of then, without a pulse. Raises ValueError when the state is newer than this
        model or malformed; the device must be reset or loaded again then.
        """
        version = saved_integer(self, state, "version", 0)
        if not 1 <= version <= self.state_version:
            known = f"this model understands 1 to {self.state_version}"
            raise ValueError(f"{self.name}: saved state has version {version}, {known}")

    def capture(self) -> Callable[[], None]:
        """Return what brings this very device back to its present state, as often as it is called.

        It does what ``load`` of ``save`` does. A device may have a faster way, as nothing has to be checked:
        each test begins with it. A class that has its own ``load`` does not inherit that of its base.
        """
        return partial(self.load, self.save())

    def destroy(self) -> None:
        """Let go of what the device holds outside itself, such as timers; it is not used any more after."""
        return

    def undefined_reader(self, offset: int, size: int) -> Callable[[], int]:
        """Return a reader that records a guest error."""
        return partial(self._undefined_read, offset, size)

    def undefined_writer(self, offset: int, size: int) -> Callable[[int], None]:
        """Return a writer that records a guest error."""
        return partial(self._undefined_write, offset, size)

    def _undefined_read(self, offset: int, size: int) -> int:
        self.guest_errors.record(GuestError(self.name, offset, size, False, 0))
        return 0

    def _undefined_write(self, offset: int, size: int, value: int) -> None:
        self.guest_errors.record(GuestError(self.name, offset, size, True, value))


def saved_integer(
    device: Device, state: Mapping[str, object], key: str, default: int, limit: int = 1 << 64
) -> int:
    """Return the integer saved under ``key``, ``default`` where there is none.

    Raises ValueError for another type and for an integer that is not in ``range(limit)``.
    """
    value = state.get(key, default)
    if not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(f"{device.name}: saved state: {key} is not an integer from 0 to {limit - 1}")
    return int(value)


def saved_integers(device: Device, state: Mapping[str, object], key: str, limit: int) -> list[int]:
    """Return the integers saved under ``key``, none where nothing was saved.

    Raises ValueError for another type and for integers that are not in ``range(limit)``.
    """
    values = state.get(key, [])
    if not isinstance(values, list) or not are_integers(values, limit):
        raise ValueError(f"{device.name}: saved state: {key} is not a list of integers from 0 to {limit - 1}")
    return values


def saved_rows(
    device: Device, state: Mapping[str, object], key: str, limits: tuple[int, ...]
) -> list[list[int]]:
    """Return the rows of integers saved under ``key``, none where nothing was saved.

    Raises ValueError unless each row has one integer in ``range(limit)`` for each of ``limits``.
    """
    rows = state.get(key, [])
    if not isinstance(rows, list):
        raise ValueError(f"{device.name}: saved state: {key} is not a list")
    for row in rows:
        if not isinstance(row, list) or len(row) != len(limits):
            raise ValueError(f"{device.name}: saved state: {key} has a row without {len(limits)} columns")
    for column, limit in zip(zip(*rows, strict=True), limits, strict=False):
        if not are_integers(column, limit):
            raise ValueError(f"{device.name}: saved state: {key} has a value that cannot be")
    return rows


def are_integers(values: Sequence[Any], limit: int) -> bool:
    """Tell whether all values are integers in ``range(limit)``; fast, a restore checks thousands."""
    return not values or (set(map(type, values)) == {int} and min(values) >= 0 and max(values) < limit)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Declarative register maps.

A device class declares each register once, as a class attribute; the attribute of the same name on an
instance is the register's value, a plain int (or a list of ints for an array):

    from paradrive.devices.register_device import RegisterDevice
    from paradrive.devices.registers import RW, W1C, Fields, Register

    class Mask(Fields):
        RX = 1 << 0
        TX = 1 << 1

    class Example(RegisterDevice):
        MASK = Register(0x04, RW, "Which events interrupt.", fields=Mask)
        STATUS = Register(0x08, W1C, "Events that have happened.", fields=Mask)

        @MASK.on_write
        def _write_mask(self, value: int) -> None:
            self.MASK = value
            self.interrupt.set(self.STATUS & value != 0)

From the declaration follow the behaviour of accesses, reset, saved state, the names in traces and the
documentation (``describe`` in register_device). Where storing a value is not all that an access does, a
hook takes its place: ``on_read`` returns the value, ``on_write`` gets it and stores what is to be stored.
A subclass may hook a register of its base (``@Example.STATUS.on_write``): it gets a declaration of its own.
"""

from __future__ import annotations

import abc
import enum
from copy import copy
from functools import partial
from math import prod
from typing import TYPE_CHECKING, TypeVar, overload

from paradrive.devices.device import are_integers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paradrive.devices.register_device import RegisterDevice

Hook = TypeVar("Hook", bound="Callable[..., int | None]")
#: The attribute of a method that lists the declarations of base classes which it hooks, and how.
_INHERITED = "_hooked_declarations"


class Access(enum.Enum):
    """Which accesses a register defines, and what a write does where no hook says otherwise.

    The directions a register does not define are guest errors.
    """

    RO = "RO"
    RW = "RW"
    WO = "WO"
    #: A write clears the bits in which it has ones.
    W1C = "R/W1C"


RO, RW, WO, W1C = Access


class Fields:
    """Base of the classes that name the bits, or the values, of a register.

    Their attributes are plain ints (a mask, or a value): reaching the members of an enum
    would cost more than all the rest of an access. Where that does not matter, an enum does as well.
    """


class Declaration(abc.ABC):
    """What a register and an array of registers have in common.

    ``offset`` counts in bytes from the device's first register, ``width`` is the only size in which the
    register may be accessed, ``reset`` its value after power-on, ``writable`` the bits that
    a write changes (all unless given). ``constant`` marks a value that the host determines: reset and
    load leave it alone. ``banked`` marks a register behind the offset of another one, whose hooks
    pass accesses on to it.
    """

    name: str

    def __init__(
        self,
        offset: int,
        access: Access,
        doc: str,
        *,
        width: int = 4,
        reset: int = 0,
        writable: int | None = None,
        fields: type[Fields] | type[enum.IntEnum] | type[enum.IntFlag] | None = None,
        constant: bool = False,
        banked: bool = False,
    ) -> None:
        self.offset = offset
        self.access = access
        self.doc = doc
        self.width = width
        self.reset = reset
        self.mask = (1 << 8 * width) - 1
        self.writable = self.mask if writable is None else writable
        self.fields = fields
        self.constant = constant
        self.banked = banked
        self._read_hook: str | None = None
        self._write_hook: str | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def on_read(self, hook: Hook) -> Hook:
        """Let a method perform reads: of a register ``hook()``, of an array ``hook(index)``."""
        return self._hook("_read_hook", hook)

    def on_write(self, hook: Hook) -> Hook:
        """Let a method perform writes: of a register ``hook(value)``, of an array ``hook(index, value)``."""
        return self._hook("_write_hook", hook)

    def _hook(self, direction: str, hook: Hook) -> Hook:
        if hasattr(self, "name"):
            # The class that declares this is complete: the method is a subclass', which must not change it.
            vars(hook).setdefault(_INHERITED, []).append((self, direction))
        else:
            vars(self)[direction] = hook.__name__
        return hook

    @property
    def readable(self) -> bool:
        """Whether reads are defined."""
        return self.access is not Access.WO

    @property
    def is_writable(self) -> bool:
        """Whether writes are defined."""
        return self.access is not Access.RO

    def field_names(self) -> dict[str, int]:
        """Return the fields, in the order of their declaration."""
        if self.fields is None:
            return {}
        if issubclass(self.fields, enum.Enum):
            return {name: int(member) for name, member in self.fields.__members__.items()}
        return {name: value for name, value in vars(self.fields).items() if isinstance(value, int)}

    @abc.abstractmethod
    def counts(self, device: RegisterDevice) -> tuple[int, ...]:
        """Return how many registers a device has in each dimension, the outermost first."""

    @abc.abstractmethod
    def places(self, counts: tuple[int, ...]) -> Sequence[tuple[int, int]]:
        """Return the offset and the index of each of so many registers."""

    @abc.abstractmethod
    def name_of(self, index: int) -> str:
        """Return the name of one register."""

    @abc.abstractmethod
    def initialise(self, device: RegisterDevice) -> None:
        """Give the value after power-on."""

    @abc.abstractmethod
    def restore(self, device: RegisterDevice, saved: object) -> bool:
        """Take a saved value over; return False, having changed nothing, where it is none."""

    @abc.abstractmethod
    def reader(self, device: RegisterDevice, index: int) -> Callable[[], int]:
        """Return the function that performs one read."""

    @abc.abstractmethod
    def writer(self, device: RegisterDevice, index: int) -> Callable[[int], None]:
        """Return the function that performs one write."""

    def written(self, old: int, value: int) -> int:
        """Return what a write without a hook makes of the old value."""
        if self.access is Access.W1C:
            return old & ~(value & self.writable)
        return old & ~self.writable | value & self.writable


def hook_inherited(device: type) -> None:
    """Give a class that hooks registers of its bases declarations of its own for them.

    TypeError for a hook of a register that it does not have.
    """
    for name, method in tuple(vars(device).items()):
        for hooked, direction in getattr(method, _INHERITED, ()):
            if all(vars(base).get(hooked.name) is not hooked for base in device.__mro__[1:]):
                raise TypeError(f"{device.__name__}.{name} hooks {hooked.name} of a class that is no base")
            if hooked.name not in vars(device):
                setattr(device, hooked.name, copy(getattr(device, hooked.name)))
            vars(vars(device)[hooked.name])[direction] = name


class Register(Declaration):
    """One register; on an instance of the device its value."""

    @overload
    def __get__(self, device: None, owner: type) -> Register: ...

    @overload
    def __get__(self, device: object, owner: type) -> int: ...

    def __get__(self, device: object | None, owner: type) -> Register | int:
        # The instance attribute hides this one; only access through the class arrives here.
        if device is None:
            return self
        raise AttributeError(f"{owner.__name__}.{self.name} has no value before the constructor has run")

    def counts(self, device: RegisterDevice) -> tuple[int, ...]:
        """Return no dimension."""
        return ()

    def places(self, counts: tuple[int, ...]) -> Sequence[tuple[int, int]]:
        """Return the one place."""
        return ((self.offset, 0),)

    def name_of(self, index: int) -> str:
        """Return the name."""
        return self.name

    def initialise(self, device: RegisterDevice) -> None:
        """Give the value after power-on."""
        vars(device)[self.name] = self.reset

    def restore(self, device: RegisterDevice, saved: object) -> bool:
        """Take a saved int over."""
        if type(saved) is not int or not 0 <= saved <= self.mask:
            return False
        vars(device)[self.name] = saved
        return True

    def reader(self, device: RegisterDevice, index: int) -> Callable[[], int]:
        """Return the hook, or a look-up."""
        if self._read_hook is not None:
            hook: Callable[[], int] = getattr(device, self._read_hook)
            return hook
        return partial(vars(device).__getitem__, self.name)

    def writer(self, device: RegisterDevice, index: int) -> Callable[[int], None]:
        """Return the hook, or an assignment."""
        if self._write_hook is not None:
            hook: Callable[[int], None] = getattr(device, self._write_hook)
            return hook
        values, name, written = vars(device), self.name, self.written
        if self.access is not Access.W1C and self.writable == self.mask:
            return partial(values.__setitem__, name)

        def write(value: int) -> None:
            values[name] = written(values[name], value)

        return write


class RegisterArray(Declaration):
    """Registers that recur; on an instance of the device the list of their values.

    ``dimensions`` are pairs (count, stride in bytes), the outermost first: ((2, 0x1000), (4, 0x40)) are eight
    registers, of which number 4 lies 0x1000 bytes behind number 0. A count may be the name of an
    attribute that the device sets before it calls ``super().__init__()``.
    """

    def __init__(
        self,
        offset: int,
        access: Access,
        doc: str,
        *,
        dimensions: tuple[tuple[int | str, int], ...],
        width: int = 4,
        reset: int = 0,
        writable: int | None = None,
        fields: type[Fields] | type[enum.IntEnum] | type[enum.IntFlag] | None = None,
    ) -> None:
        super().__init__(offset, access, doc, width=width, reset=reset, writable=writable, fields=fields)
        self.dimensions = dimensions

    @overload
    def __get__(self, device: None, owner: type) -> RegisterArray: ...

    @overload
    def __get__(self, device: object, owner: type) -> list[int]: ...

    def __get__(self, device: object | None, owner: type) -> RegisterArray | list[int]:
        # As Register.__get__.
        if device is None:
            return self
        raise AttributeError(f"{owner.__name__}.{self.name} has no value before the constructor has run")

    def counts(self, device: RegisterDevice) -> tuple[int, ...]:
        """Return the counts that are declared, or the device's where it has them."""
        counts = (count for count, _ in self.dimensions)
        return tuple(count if isinstance(count, int) else getattr(device, count) for count in counts)

    def places(self, counts: tuple[int, ...]) -> Sequence[tuple[int, int]]:
        """Return the place of each element."""
        offsets = [self.offset]
        for count, (_, stride) in zip(counts, self.dimensions, strict=True):
            offsets = [offset + i * stride for offset in offsets for i in range(count)]
        return [(offset, index) for index, offset in enumerate(offsets)]

    def name_of(self, index: int) -> str:
        """Return the name and the index."""
        return f"{self.name}[{index}]"

    def initialise(self, device: RegisterDevice) -> None:
        """Give all elements the value after power-on; the list stays the same: readers keep it."""
        vars(device).setdefault(self.name, [])[:] = [self.reset] * prod(self.counts(device))

    def restore(self, device: RegisterDevice, saved: object) -> bool:
        """Take a saved list over."""
        values: list[int] = vars(device)[self.name]
        if saved == values:
            return True
        if not isinstance(saved, list) or len(saved) != len(values) or not are_integers(saved, self.mask + 1):
            return False
        values[:] = saved
        return True

    def reader(self, device: RegisterDevice, index: int) -> Callable[[], int]:
        """Return the hook with its index, or a look-up."""
        if self._read_hook is not None:
            return partial(getattr(device, self._read_hook), index)
        values: list[int] = vars(device)[self.name]
        return partial(values.__getitem__, index)

    def writer(self, device: RegisterDevice, index: int) -> Callable[[int], None]:
        """Return the hook with its index, or an assignment."""
        if self._write_hook is not None:
            return partial(getattr(device, self._write_hook), index)
        values: list[int] = vars(device)[self.name]
        written = self.written

        def write(value: int) -> None:
            values[index] = written(values[index], value)

        return write

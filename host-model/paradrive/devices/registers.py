# SPDX-License-Identifier: GPL-2.0-or-later
"""Declarative register maps.

A device class declares each register once, as a class attribute; the attribute of the same name on an
instance is the register's value, a plain int (or a list of ints for an array):

    from paradrive.devices.interrupt import Interrupt
    from paradrive.devices.register_device import RegisterDevice
    from paradrive.devices.registers import RW, W1C, Fields, Register

    class Mask(Fields):
        RX = 1 << 0
        TX = 1 << 1

    class Example(RegisterDevice):
        irq = Interrupt()
        MASK = Register(0x04, RW, "Which events interrupt.", fields=Mask)
        STATUS = Register(0x08, W1C, "Events that have happened.", fields=Mask)

        @irq.level
        def _level(self) -> int:
            return self.STATUS & self.MASK

        @MASK.after_write
        def _mask_changed(self, value: int) -> None:
            if value == 0:
                self.STATUS = 0

From the declaration follow the behaviour of accesses, reset, saved state, the names in traces and the
documentation (``describe`` in register_device). Where storing a value is not all that an access does, there
are hooks: ``after_write`` is told of the value that has been stored; ``on_write`` takes the place of storing,
and ``on_read`` returns the value. A subclass may hook a register of its base
(``@Example.STATUS.on_write``): it gets a declaration of its own.
"""

from __future__ import annotations

import abc
import enum
from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple, overload

from paradrive.devices.declaration import Declaration, Hook
from paradrive.devices.device import are_integers
from paradrive.devices.fields import FieldNames, Fields, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paradrive.devices.device import Device, RegionKey

__all__ = [
    "RC",
    "RO",
    "RW",
    "W1C",
    "WO",
    "Access",
    "Fields",
    "Register",
    "RegisterArray",
    "RegisterDeclaration",
]


class Access(enum.Enum):
    """Which accesses a register defines, and what a write does where no hook says otherwise.

    The directions a register does not define are guest errors.
    """

    RO = "RO"
    RW = "RW"
    WO = "WO"
    #: A write clears the bits in which it has ones.
    W1C = "R/W1C"
    #: Read-only, and a read clears all bits.
    RC = "RC"


RO, RW, WO, W1C, RC = Access


class Lane(NamedTuple):
    """The part of a register that one access reaches: ``size`` bytes, ``shift`` bits above its lowest."""

    size: int
    shift: int

    @property
    def mask(self) -> int:
        """The bits of the register that these are."""
        return ((1 << 8 * self.size) - 1) << self.shift


class RegisterDeclaration(Declaration):
    """What a register and an array of registers have in common.

    ``offset`` counts in bytes from the start of its ``region`` (an index of ``reg``, or a name of
    ``reg-names``). ``width`` is its size in bytes, ``widths`` the sizes in which it may be accessed,
    naturally aligned: its own unless given. A narrower access reaches a part of it: of a big-endian device
    the first byte is the most significant. ``reset`` is the value after power-on, ``writable`` the bits that
    a write changes (all unless given), ``w1c`` those that a write of ones clears where other bits of the
    register behave otherwise. ``constant`` marks a value that the host determines: reset and
    load leave it alone. ``banked`` marks a register behind the offset of another one, whose hooks
    pass accesses on to it.
    """

    section = "registers"
    is_observable = True

    def __init__(
        self,
        offset: int,
        access: Access,
        doc: str,
        *,
        width: int = 4,
        widths: tuple[int, ...] = (),
        region: RegionKey = 0,
        reset: int = 0,
        writable: int | None = None,
        w1c: int = 0,
        fields: FieldNames | None = None,
        constant: bool = False,
        banked: bool = False,
    ) -> None:
        super().__init__()
        self.offset = offset
        self.access = access
        self.doc = doc
        self.width = width
        self.widths = widths or (width,)
        if any(size not in (1, 2, 4, 8) or size > width for size in self.widths):
            raise TypeError(f"a register of {width} bytes cannot be accessed in {self.widths}")
        self.region = region
        self.reset_value = reset
        self.mask = (1 << 8 * width) - 1
        self.writable = self.mask if writable is None else writable
        self.w1c = self.writable if access is Access.W1C else w1c & self.writable
        self.fields = fields
        self.is_constant = constant
        self.banked = banked

    def on_read(self, hook: Hook) -> Hook:
        """Let a method perform reads: of a register ``hook()``, of an array ``hook(index)``."""
        return self._access_hook("read", hook, self.readable)

    def on_write(self, hook: Hook) -> Hook:
        """Let a method perform writes: of a register ``hook(value)``, of an array ``hook(index, value)``.

        It stores what is to be stored. A narrow write comes with the other bits as they are, those that
        ones clear as zeros.
        """
        return self._access_hook("write", hook, self.is_writable)

    def after_write(self, hook: Hook) -> Hook:
        """Let a method be told of each write behind it, with the value that is stored; as ``on_write``."""
        return self._access_hook("written", hook, self.is_writable)

    def _access_hook(self, kind: str, hook: Hook, is_defined: bool) -> Hook:
        if not is_defined:
            raise TypeError(f"{self.access.value} at {self.offset:#x}: {hook.__name__} would never be called")
        return self.hook(kind, hook)

    @property
    def readable(self) -> bool:
        """Whether reads are defined."""
        return self.access is not Access.WO

    @property
    def is_writable(self) -> bool:
        """Whether writes are defined."""
        return self.access not in (Access.RO, Access.RC)

    @property
    def reads_act(self) -> bool:
        """Whether more comes of a read than that a value is returned."""
        return "read" in self.hooks or self.access is Access.RC

    @property
    def writes_act(self) -> bool:
        """Whether more comes of a write than that a value is stored."""
        return "write" in self.hooks or "written" in self.hooks

    def field_names(self) -> dict[str, int]:
        """Return the fields, in the order of their declaration."""
        return names_of(self.fields)

    def counts(self, device: Device) -> tuple[int, ...]:
        """Return how many registers a device has in each dimension, the outermost first; one has none."""
        return ()

    def places(self, counts: tuple[int, ...]) -> Sequence[tuple[int, int]]:
        """Return the offset and the index of each of so many registers."""
        return ((self.offset, 0),)

    def name_of(self, index: int) -> str:
        """Return the name of one register."""
        return self.name

    @abc.abstractmethod
    def whole_reader(self, device: Device, index: int) -> Callable[[], int]:
        """Return the function that reads one register as a whole."""

    @abc.abstractmethod
    def whole_writer(self, device: Device, index: int) -> Callable[[int], None]:
        """Return the function that writes one register as a whole."""

    @abc.abstractmethod
    def stored(self, device: Device, index: int) -> int:
        """Return the value that one register holds."""

    def lane(self, within: int, size: int, byte_order: str) -> Lane:
        """Return the part that an access of ``size`` bytes reaches, ``within`` bytes behind the first."""
        return Lane(size, 8 * (within if byte_order == "little" else self.width - size - within))

    def reader(self, device: Device, index: int, lane: Lane) -> Callable[[], int]:
        """Return the function that performs one read."""
        read = self.whole_reader(device, index)
        if lane.size == self.width:
            return read
        shift, mask = lane.shift, lane.mask >> lane.shift
        return lambda: read() >> shift & mask

    def writer(self, device: Device, index: int, lane: Lane) -> Callable[[int], None]:
        """Return the function that performs one write."""
        write = self.whole_writer(device, index)
        if lane.size == self.width:
            return write
        shift, others = lane.shift, self.mask & ~lane.mask & ~self.w1c
        return lambda value: write(self.stored(device, index) & others | value << shift)

    def written(self, old: int, value: int) -> int:
        """Return what a write without a hook makes of the old value."""
        stored = self.writable & ~self.w1c
        return (old & ~stored | value & stored) & ~(value & self.w1c)


class Register(RegisterDeclaration):
    """One register; on an instance of the device its value."""

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> Register: ...

        @overload
        def __get__(self, device: object, owner: type) -> int: ...

        def __get__(self, device: object | None, owner: type) -> Register | int: ...

    def create(self, device: Device) -> None:
        """Give the value after power-on."""
        vars(device)[self.name] = self.reset_value

    def save(self, device: Device) -> object:
        """Return the value."""
        return int(vars(device)[self.name]) & self.mask

    def load(self, device: Device, saved: object) -> bool:
        """Take a saved int over."""
        if type(saved) is not int or not 0 <= saved <= self.mask:
            return False
        vars(device)[self.name] = saved
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what stores the present value again."""
        return partial(vars(device).__setitem__, self.name, vars(device)[self.name])

    def stored(self, device: Device, index: int) -> int:
        """Return the value."""
        value: int = vars(device)[self.name]
        return value

    def whole_reader(self, device: Device, index: int) -> Callable[[], int]:
        """Return the hook, or a look-up; and what clears it behind that."""
        read = self.hooked(device, "read") or partial(vars(device).__getitem__, self.name)
        if self.access is not Access.RC:
            return read
        values, name = vars(device), self.name

        def take() -> int:
            value: int = read()
            values[name] = 0
            return value

        return take

    def whole_writer(self, device: Device, index: int) -> Callable[[int], None]:
        """Return the hook, or an assignment; and what is to be told behind it."""
        write, told = self.hooked(device, "write") or self._assignment(device), self.hooked(device, "written")
        if told is None:
            return write
        values, name = vars(device), self.name

        def write_and_tell(value: int) -> None:
            write(value)
            told(values[name])

        return write_and_tell

    def _assignment(self, device: Device) -> Callable[[int], None]:
        values, name, written = vars(device), self.name, self.written
        if not self.w1c and self.writable == self.mask:
            return partial(values.__setitem__, name)
        if self.w1c == self.mask:

            def clear(value: int) -> None:
                values[name] &= ~value

            return clear

        def write(value: int) -> None:
            values[name] = written(values[name], value)

        return write


class RegisterArray(RegisterDeclaration):
    """Registers that recur; on an instance of the device the list of their values.

    To assign another list changes the elements of this one, of which there are always as many.

    ``dimensions`` are pairs (count, stride in bytes), the outermost first: ((2, 0x1000), (4, 0x40)) are eight
    registers, of which number 4 lies 0x1000 bytes behind number 0. A count may be the name of an
    attribute that the device sets before it calls ``super().__init__()``.
    """

    is_observable = False  # a change of an element is none of the attribute

    def __init__(
        self,
        offset: int,
        access: Access,
        doc: str,
        *,
        dimensions: tuple[tuple[int | str, int], ...],
        width: int = 4,
        widths: tuple[int, ...] = (),
        region: RegionKey = 0,
        reset: int = 0,
        writable: int | None = None,
        w1c: int = 0,
        fields: FieldNames | None = None,
        constant: bool = False,
    ) -> None:
        super().__init__(
            offset,
            access,
            doc,
            width=width,
            widths=widths,
            region=region,
            reset=reset,
            writable=writable,
            w1c=w1c,
            fields=fields,
            constant=constant,
        )
        self.dimensions = dimensions

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> RegisterArray: ...

        @overload
        def __get__(self, device: object, owner: type) -> list[int]: ...

        def __get__(self, device: object | None, owner: type) -> RegisterArray | list[int]: ...

    def __set__(self, device: Device, values: Sequence[int]) -> None:
        own: list[int] = vars(device)[self.name]
        if len(values) != len(own):
            raise ValueError(f"{device.name}: {self.name} has {len(own)} values, not {len(values)}")
        own[:] = values  # readers keep this list

    def counts(self, device: Device) -> tuple[int, ...]:
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

    def create(self, device: Device) -> None:
        """Give all elements the value after power-on; the list stays the same: readers keep it."""
        vars(device).setdefault(self.name, [])[:] = [self.reset_value] * prod(self.counts(device))

    def save(self, device: Device) -> object:
        """Return the values."""
        return [int(value) & self.mask for value in vars(device)[self.name]]

    def load(self, device: Device, saved: object) -> bool:
        """Take a saved list over."""
        values: list[int] = vars(device)[self.name]
        if saved == values:
            return True
        if not isinstance(saved, list) or len(saved) != len(values) or not are_integers(saved, self.mask + 1):
            return False
        values[:] = saved
        return True

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what stores the present values again."""
        values: list[int] = vars(device)[self.name]
        return partial(values.__setitem__, slice(None), tuple(values))

    def stored(self, device: Device, index: int) -> int:
        """Return one of the values."""
        value: int = vars(device)[self.name][index]
        return value

    def whole_reader(self, device: Device, index: int) -> Callable[[], int]:
        """Return the hook with its index, or a look-up; and what clears it behind that."""
        hook = self.hooked(device, "read")
        values: list[int] = vars(device)[self.name]
        read = partial(values.__getitem__, index) if hook is None else partial(hook, index)
        if self.access is not Access.RC:
            return read

        def take() -> int:
            value: int = read()
            values[index] = 0
            return value

        return take

    def whole_writer(self, device: Device, index: int) -> Callable[[int], None]:
        """Return the hook with its index, or an assignment; and what is to be told behind it."""
        hook, told = self.hooked(device, "write"), self.hooked(device, "written")
        write = self._assignment(device, index) if hook is None else partial(hook, index)
        if told is None:
            return write
        values: list[int] = vars(device)[self.name]

        def write_and_tell(value: int) -> None:
            write(value)
            told(index, values[index])

        return write_and_tell

    def _assignment(self, device: Device, index: int) -> Callable[[int], None]:
        values: list[int] = vars(device)[self.name]
        written = self.written

        def write(value: int) -> None:
            values[index] = written(values[index], value)

        return write

# SPDX-License-Identifier: GPL-2.0-or-later
"""The bits and values of registers, by name."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paradrive.devices.device import Device


class Fields:
    """Base of the classes that name the bits, or the values, of a register.

    Their attributes are plain ints: a mask (``1 << 3``, ``bits(7, 4)``), or a value. To reach the members of
    an enum would cost more than all the rest of an access. Where that does not matter, an enum does as well.
    """


FieldNames = type[Fields] | type[enum.IntEnum] | type[enum.IntFlag]


class BitField(int):
    """The mask of adjacent bits of a register, an int as any other; see `bits`."""

    def get(self, value: int) -> int:
        """Return what the bits of a register's value say (Linux: FIELD_GET)."""
        return (value & self) >> _shift(self)

    def put(self, field: int) -> int:
        """Return the value of a register in which the bits say ``field`` (Linux: FIELD_PREP)."""
        return field << _shift(self) & self


def bits(high: int, low: int) -> BitField:
    """Return the field of the bits from ``high`` down to ``low``, bit 0 the least significant (GENMASK)."""
    if not 0 <= low <= high < 64:
        raise ValueError(f"there are no bits {high} to {low}")
    return BitField(((1 << high + 1) - 1) & ~((1 << low) - 1))


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def names_of(fields: FieldNames | None) -> dict[str, int]:
    """Return masks or values by their names, in the order of their declaration."""
    if fields is None:
        return {}
    if issubclass(fields, enum.Enum):
        return {name: int(member) for name, member in fields.__members__.items()}
    classes = reversed(fields.__mro__)
    return {name: value for base in classes for name, value in vars(base).items() if isinstance(value, int)}


def are_masks(names: dict[str, int]) -> bool:
    """Tell whether names stand for bits, and not for values: no two share any, and each has adjacent ones."""
    seen = 0
    for mask in names.values():
        adjacent = mask >> _shift(mask) if mask > 0 else 0
        if mask <= 0 or mask & seen or adjacent & adjacent + 1:
            return False
        seen |= mask
    return True


def describe(fields: FieldNames | None, value: int) -> str:
    """Return what a register's value says, by name: "RX|MODE=2", "RESET"; "" where no name says anything."""
    names = names_of(fields)
    if fields is None or not names:
        return ""
    if issubclass(fields, enum.IntEnum) or not are_masks(names):
        return next((name for name, known in names.items() if known == value), "")
    parts = []
    for name, mask in names.items():
        if value & mask:
            parts.append(name if mask & mask - 1 == 0 else f"{name}={(value & mask) >> _shift(mask)}")
        value &= ~mask
    if value:
        parts.append(f"{value:#x}")
    return "|".join(parts)


class RegisterFields:
    """The fields of one register of a device, to read and to set by name; a bit is 0 or 1."""

    __slots__ = ("_masks", "_register", "_values")

    #: Where the value is: the attributes of the device, or the values of an array.
    _values: Any
    #: By which key it is there.
    _register: str | int
    _masks: dict[str, int]

    def __init__(self, values: Any, register: str | int, masks: dict[str, int]) -> None:
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_register", register)
        object.__setattr__(self, "_masks", masks)

    def __dir__(self) -> list[str]:
        return list(self._masks)

    def _mask(self, name: str) -> int:
        if name not in self._masks:
            raise AttributeError(f"{self._register} has no field {name}, only {', '.join(self._masks)}")
        mask: int = self._masks[name]
        return mask

    def __getattr__(self, name: str) -> int:
        mask = self._mask(name)
        return (self._value() & mask) >> _shift(mask)

    def _value(self) -> int:
        place = self._register
        value: int = self._values[place] if isinstance(place, int) else getattr(self._values, place)
        return value

    def __setattr__(self, name: str, field: int) -> None:
        mask = self._mask(name)
        shifted = int(field) << _shift(mask)
        if shifted & ~mask:
            raise ValueError(f"{self._register}.{name} cannot be {field:#x}")
        value = self._value() & ~mask | shifted
        if isinstance(self._register, int):
            self._values[self._register] = value
        else:
            setattr(self._values, self._register, value)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name):#x}" for name in self._masks)
        return f"{self._register}({fields})"


class DeviceFields:
    """The registers of a device that have fields: ``device.fields.CONTROL.MODE``.

    Those of an array are a list: ``device.fields.LANES[1].MODE``.
    """

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def __getattr__(self, register: str) -> Any:
        declared: Any = self._device.declarations.get(register)
        masks = names_of(getattr(declared, "fields", None))
        if not masks:
            raise AttributeError(f"{self._device.name} has no register {register} with fields")
        values = getattr(self._device, register)
        if isinstance(values, list):
            return [RegisterFields(values, index, masks) for index in range(len(values))]
        return RegisterFields(self._device, register, masks)

# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device holds besides what its class declares: kept, compared, and brought back.

Whatever the guest changes of it is a mistake of the class: no reset and no saved guest knows of it. What the
host sets between two runs (a callback, a setting) is the host's business; a restore brings it back.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from paradrive.devices.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.devices.device import Device

#: How deep to look into containers and into objects of the author's own, and how many values to look at.
_MAX_DEPTH = 6
_MAX_VALUES = 10_000
_CONTAINERS = (list, dict, set, deque, bytearray)


class UndeclaredChange(NamedTuple):
    """An attribute that the guest has changed although the class does not declare it.

    ``may_be_restored``: the class brings back by itself what it does not declare, this perhaps, too.
    """

    path: str
    device: Device
    name: str
    may_be_restored: bool

    def __str__(self) -> str:
        value = vars(self.device).get(self.name)
        kind = type(value).__name__
        advice = f"{self.name} = State({kind})"
        if not isinstance(value, (int, str, bytes, *_CONTAINERS)):
            advice = f"{self.name} = State(...), of numbers, bytes, containers or a dataclass"
        change = f"{type(self.device).__name__}.{self.name} changed while the guest ran, and is not declared"
        return f"{self.path}: {change}; write in the class: {advice}"


class Kept:
    """A value as it was.

    Of containers and of objects whose class is of ``home`` (a top-level package) what is in them is kept,
    too; other objects are what they are. ``left`` bounds what is looked at.
    """

    __slots__ = ("_copy", "_parts", "_value")

    def __init__(self, value: Any, home: str, left: list[int], depth: int = 0) -> None:
        self._value = value
        self._copy = deepcopy(value) if isinstance(value, _CONTAINERS) and _is_plain(value) else None
        self._parts: dict[Any, Kept] | None = None
        left[0] -= 1
        parts = None if self._copy is not None or depth == _MAX_DEPTH else _parts_of(value, home)
        if parts is not None and len(parts) <= left[0]:
            self._parts = {name: Kept(part, home, left, depth + 1) for name, part in parts.items()}

    def holds(self, value: Any, home: str) -> bool:
        """Tell whether a value is still this one."""
        if self._parts is not None:
            parts = _parts_of(value, home) if type(value) is type(self._value) else None
            return (
                parts is not None
                and parts.keys() == self._parts.keys()
                and all(kept.holds(parts[name], home) for name, kept in self._parts.items())
            )
        if self._copy is None and value is self._value:
            return True
        kept = self._value if self._copy is None else self._copy
        return type(value) is type(kept) and _is_plain(kept) and bool(value == kept)

    def again(self) -> Any:
        """Return the value as it was."""
        if self._parts is None:
            return self._value if self._copy is None else deepcopy(self._copy)
        value, parts = self._value, {name: kept.again() for name, kept in self._parts.items()}
        if isinstance(value, list | deque):
            value.clear()
            value.extend(parts.values())
        elif isinstance(value, tuple):
            return value
        elif _is_random(value):
            value.setstate(parts[""])
        else:
            contents = value if isinstance(value, dict) else vars(value)
            contents.clear()
            contents.update(parts)
        return value


class Undeclared:
    """The attributes of one device that its class does not declare, as they were at some time."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._home = _package(type(device))
        left = [_MAX_VALUES]
        values = vars(device)
        self._kept = {name: Kept(values[name], self._home, left) for name in device.undeclared_names()}

    def changes(self) -> list[str]:
        """Return the names of those that are others now, that are new, or gone."""
        names, values = self._device.undeclared_names(), vars(self._device)
        new = [name for name in names if name not in self._kept]
        return new + [
            name
            for name, kept in self._kept.items()
            if name not in names or not kept.holds(values[name], self._home)
        ]

    def bring_back(self, name: str) -> None:
        """Give an attribute the value that it had; what it had none is gone."""
        if name in self._kept:
            vars(self._device)[name] = self._kept[name].again()
        else:
            vars(self._device).pop(name, None)


def _parts_of(value: Any, home: str) -> Mapping[Any, Any] | None:
    """Return what is in a value, by name or place; None where that is not looked at."""
    if isinstance(value, dict):
        return value if _is_plain(list(value)) else None
    if isinstance(value, list | tuple | deque):
        return dict(enumerate(value))
    if _is_random(value):
        return {"": value.getstate()}
    # A class of devices may be at home there, too, and a callback.
    is_own = _package(type(value)) == home and not isinstance(value, type | ModuleType | Declaration)
    return (
        vars(value) if is_own and hasattr(value, "__dict__") and not hasattr(value, "guest_errors") else None
    )


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _is_random(value: Any) -> bool:
    return type(value).__module__ == "random" and hasattr(value, "setstate")


def _is_plain(value: Any) -> bool:
    """Tell whether a value consists of nothing but numbers, texts and containers of them, not too large."""
    if isinstance(value, list | dict | set | deque | tuple) and len(value) > _MAX_VALUES:
        return False
    if isinstance(value, dict):
        return all(map(_is_plain, value.keys())) and all(map(_is_plain, value.values()))
    if isinstance(value, list | set | deque | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str | bytes | bytearray)

# SPDX-License-Identifier: GPL-2.0-or-later
"""State of a device that is no register: what it remembers of requests, its counters, its queues."""

from __future__ import annotations

import dataclasses
from collections import deque
from copy import deepcopy
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints, overload

from paradrive.devices.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paradrive.devices.device import Device

Value = TypeVar("Value")

#: Values that never change, so that a copy is no other.
_IMMUTABLE = (bool, int, str, bytes)
#: Containers whose length the limit bounds.
_CONTAINERS = (list, deque, dict, set, bytearray)
#: How deep containers and records may nest.
_MAX_DEPTH = 8


class State(Declaration, Generic[Value]):
    """A value of a device which a reset sets to its ``default``, and which snapshots and saved files keep.

    ``kind`` is what it is: int, bool, str, bytes, bytearray, list, deque, dict, set, a dataclass or a
    NamedTuple. ``of`` is the kind of the elements, where that is a dataclass or a NamedTuple. ``limit``
    bounds the length; of an int it is the first value that is too large, and there are no negative ones
    then. After each access and each timer,
    what a container holds beyond its limit is dropped, the newest first, and recorded as a guest error: a
    guest decides how many requests it makes; a deque drops its oldest without a word. ``survives_reset``
    keeps the value through a reset; what is not ``saved`` stays out of saved files.
    """

    section = "state"
    is_observable = True

    def __init__(
        self,
        kind: type[Value],
        *,
        limit: int | None = None,
        default: Value | None = None,
        of: type | None = None,
        survives_reset: bool = False,
        saved: bool = True,
    ) -> None:
        super().__init__()
        self.kind, self.of = kind, of
        self._survives_reset, self._saved = survives_reset, saved
        self.limit = limit if limit is not None else (1 << 64) if kind is int else (1 << 16)
        #: The least int: a difference, such as that of two times, may be negative.
        self._least = -self.limit if limit is None else 0
        self._default = default

    @overload
    def __get__(self, device: None, owner: type) -> State[Value]: ...

    @overload
    def __get__(self, device: object, owner: type) -> Value: ...

    def __get__(self, device: object | None, owner: type) -> State[Value] | Value:
        # The instance attribute hides this one; only access through the class arrives here.
        if device is None:
            return self
        raise AttributeError(f"{owner.__name__}.{self.name} has no value before the constructor has run")

    @property
    def is_bounded(self) -> bool:
        """Whether the limit has to be looked after while the guest runs."""
        return self.kind in _CONTAINERS and self.kind is not deque

    def create(self, device: Device) -> None:
        """Give the device the default."""
        value: Any = self.kind() if self._default is None else deepcopy(self._default)
        vars(device)[self.name] = deque(value, self.limit) if self.kind is deque else value

    def reset(self, device: Device) -> None:
        """Set the default."""
        if not self._survives_reset:
            self.create(device)

    def bound(self, device: Device) -> int:
        """Drop what is beyond the limit; return how much that was."""
        value: Any = vars(device)[self.name]
        excess = len(value) - self.limit
        if excess <= 0:
            return 0
        if isinstance(value, list | bytearray):
            del value[self.limit :]
        else:
            for _ in range(excess):
                value.popitem() if isinstance(value, dict) else value.pop()
        return excess

    def load_default(self, device: Device) -> None:
        """Be as after power-on, what survives a reset, too."""
        self.create(device)

    def save(self, device: Device) -> object:
        """Return the value as a saved state holds it; ValueError where it is of another kind."""
        if not self._saved:
            return None
        value = vars(device)[self.name]
        if not isinstance(value, self.kind) or not self._fits(value):
            raise ValueError(
                f"{device.name}: {self.name} is no {self.kind.__name__} within its limit: {value!r:.60}"
            )
        try:
            return encode(value)
        except TypeError as error:
            raise ValueError(f"{device.name}: {self.name} cannot be saved: {error}") from None

    def load(self, device: Device, saved: object) -> bool:
        """Take over what was saved."""
        try:
            value = decode(saved, self.kind, self.of)
        except (TypeError, ValueError):
            return False
        if not self._fits(value):
            return False
        vars(device)[self.name] = deque(value, self.limit) if self.kind is deque else value
        return True

    def _fits(self, value: Any) -> bool:
        if isinstance(value, int):
            return self._least <= value < self.limit or (isinstance(value, bool) and self.kind is bool)
        return not hasattr(value, "__len__") or dataclasses.is_dataclass(value) or len(value) <= self.limit

    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what brings the value back."""
        values, name = vars(device), self.name
        saved = values[name]
        if isinstance(saved, _IMMUTABLE):
            return lambda: values.__setitem__(name, saved)
        if isinstance(saved, bytearray):
            return _revert_bytes(values, name, bytes(saved))
        saved = _copy(saved)

        def revert() -> None:
            if values[name] != saved:
                values[name] = _copy(saved)

        return revert


def _revert_bytes(values: dict[str, Any], name: str, saved: bytes) -> Callable[[], None]:
    buffer: bytearray = values[name]

    def revert() -> None:
        # Comparing takes a third of the time of copying, and most are not written to.
        if buffer != saved:
            buffer[:] = saved
        values[name] = buffer

    return revert


def _copy(value: Any) -> Any:
    """Return a copy; elements that never change are not copied."""
    elements: Iterable[Any] = value.values() if isinstance(value, dict) else value if _is_flat(value) else ()
    if _is_flat(value) and all(isinstance(element, _IMMUTABLE) for element in elements):
        return value.copy()
    return deepcopy(value)


def _is_flat(value: Any) -> bool:
    return isinstance(value, list | deque | set | dict)


def encode(value: Any, depth: int = 0) -> object:
    """Return a value as a saved state holds it: what JSON can hold, and bytes.

    A record (a dataclass, a NamedTuple) becomes the list of its fields, a dict the list of its pairs. Raises
    TypeError for what else there is.
    """
    if depth > _MAX_DEPTH:
        raise TypeError(f"it nests more than {_MAX_DEPTH} deep")
    if value is None or type(value) in _IMMUTABLE:
        return value
    if isinstance(value, int):  # a member of an enum
        return int(value)
    if isinstance(value, bytearray):
        return bytes(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return [encode(getattr(value, name), depth + 1) for name in names]
    if isinstance(value, dict):
        return [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return sorted(encode(element, depth + 1) for element in value)  # type: ignore[type-var]
    if isinstance(value, list | deque | tuple):
        return [encode(element, depth + 1) for element in value]
    raise TypeError(f"it holds a {type(value).__name__}")


def decode(saved: Any, kind: Any, of: type | None = None) -> Any:
    """Return the value of this kind that `encode` has made ``saved`` of.

    ``of`` is the kind of a container's elements where they are records. Raises TypeError or ValueError for
    what is none.
    """
    if kind in (int, bool, str, bytes):
        if type(saved) is not kind:
            raise TypeError
        return saved
    if issubclass(kind, int):  # an enum
        return kind(saved)
    if kind is bytearray:
        return bytearray(decode(saved, bytes))
    if not isinstance(saved, list):
        raise TypeError
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return _decode_record(saved, kind)
    if kind is dict:
        return {_plain(key): _element(value, of) for key, value in saved}
    return kind(_element(element, of) for element in saved)


def _element(saved: Any, of: type | None) -> Any:
    return _plain(saved) if of is None else decode(saved, of)


def _plain(saved: Any) -> Any:
    """Return an element whose kind is not declared: a number, a text, bytes, or a tuple of these."""
    return tuple(map(_plain, saved)) if isinstance(saved, list) else saved


def _decode_record(saved: list[Any], kind: Any) -> Any:
    hints = get_type_hints(kind)
    names = (
        [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else kind._fields
    )
    if len(saved) != len(names):
        raise ValueError
    fields = zip(names, saved, strict=True)
    return kind(**{name: _decode_field(value, hints.get(name)) for name, value in fields})


def _decode_field(saved: Any, kind: Any) -> Any:
    """Return the value of a field of a record; of a kind such as ``list[int]`` or ``Request | None``, too."""
    if isinstance(kind, UnionType):
        if saved is None and type(None) in kind.__args__:
            return None
        return _decode_field(saved, next(one for one in kind.__args__ if one is not type(None)))
    if isinstance(kind, GenericAlias):
        of = kind.__args__[0] if len(kind.__args__) == 1 and isinstance(kind.__args__[0], type) else None
        return decode(saved, kind.__origin__, None if of in _IMMUTABLE else of)
    return decode(saved, kind) if isinstance(kind, type) else _plain(saved)

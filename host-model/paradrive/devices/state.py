# SPDX-License-Identifier: GPL-2.0-or-later
"""State of a device that is no register: what it remembers of requests, its counters, its queues."""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from copy import deepcopy
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from paradrive.devices.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from paradrive.devices.device import Device

Value = TypeVar("Value")

#: Values that never change, so that a copy is no other.
_IMMUTABLE = (bool, int, str, bytes)
#: What the limit bounds the length of.
_SIZED = (list, deque, dict, set, bytearray, bytes, str)
#: Containers as elements: what a saved state holds of them begins with their kind.
_KINDS = {kind.__name__: kind for kind in (list, deque, dict, set, frozenset, bytearray)}
#: How deep containers and records may nest.
_MAX_DEPTH = 8


class State(Declaration, Generic[Value]):
    """A value of a device which a reset sets to its ``default``, and which snapshots and saved files keep.

    ``kind`` is what it is: int, bool, str, bytes, bytearray, list, deque, tuple, dict, set, an enum, a
    dataclass or a NamedTuple. ``of`` is the kind of the elements, where that is an enum, a dataclass or a
    NamedTuple. ``limit`` bounds the length; of an int it is the first value that is too large, and there are
    no negative ones then. After each access and each timer, what is beyond the limit is dropped, the newest
    first (of a set the greatest), and recorded as a guest error: a guest decides how many requests it makes;
    a deque drops its oldest without a word. ``survives_reset`` keeps the value through a reset; what is not
    ``saved`` stays out of saved files. Raises TypeError for another kind, or a default that is none of it.
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
        self.limit = limit if limit is not None else (1 << 64) if issubclass(kind, int) else (1 << 16)
        #: The least int: a difference, such as that of two times, may be negative.
        self._least = -self.limit if limit is None else 0
        self._default = default
        if not _can_be_saved(kind):
            raise TypeError(f"a state cannot be a {kind.__name__}")
        if default is None and issubclass(kind, enum.Enum):
            raise TypeError(f"a state that is a {kind.__name__} needs a default")
        if default is not None and not (isinstance(default, kind) and self._fits(default)):
            raise TypeError(f"the default is no {kind.__name__} within the limit: {default!r:.60}")

    if TYPE_CHECKING:  # at run time the attribute of an instance hides this one

        @overload
        def __get__(self, device: None, owner: type) -> State[Value]: ...

        @overload
        def __get__(self, device: object, owner: type) -> Value: ...

        def __get__(self, device: object | None, owner: type) -> State[Value] | Value: ...

    @property
    def is_bounded(self) -> bool:
        """Whether the limit has to be looked after while the guest runs."""
        return self.kind in _SIZED and self.kind is not deque

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
        elif isinstance(value, dict):
            for _ in range(excess):
                value.popitem()
        elif isinstance(value, set):
            # Which one pop() takes can differ from one process to the next.
            value.difference_update(sorted(value, key=_order)[self.limit :])
        else:
            vars(device)[self.name] = value[: self.limit]
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
            saved = encode(value)
            if not _is_same(decode(saved, self.kind, self.of), value):
                raise TypeError("it holds what is not declared: by `of`, or by the fields of a record")
        except (TypeError, ValueError, NameError) as error:
            raise ValueError(f"{device.name}: {self.name} cannot be saved: {error}") from None
        return saved

    def load(self, device: Device, saved: object) -> bool:
        """Take over what was saved."""
        try:
            value = decode(saved, self.kind, self.of)
        except Exception:  # records check what they are made of, and raise what they like
            return False
        if not self._fits(value):
            return False
        vars(device)[self.name] = deque(value, self.limit) if self.kind is deque else value
        return True

    def _fits(self, value: Any) -> bool:
        if isinstance(value, int):
            return self._least <= value < self.limit
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
        is_same = _is_equal if _is_flat(saved) else _is_same

        def revert() -> None:
            if not is_same(values[name], saved):
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
    return value.copy() if _is_flat(value) else deepcopy(value)


def _is_flat(value: Any) -> bool:
    """Tell whether a value is a container of nothing that changes by itself."""
    if not isinstance(value, list | deque | set | dict):
        return False
    elements: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return all(isinstance(element, _IMMUTABLE) for element in elements)


def _is_equal(value: Any, other: Any) -> bool:
    """Tell whether two flat containers hold the same in the same order, as fast as that can be done."""
    if isinstance(other, dict) and value == other:
        return list(value) == list(other)
    return type(value) is type(other) and bool(value == other)


def _order(value: Any) -> tuple[str, Any]:
    """Return what sorts elements of a set in the same way everywhere."""
    return type(value).__name__, value if isinstance(value, _IMMUTABLE) else repr(encode(value))


def _is_same(value: Any, other: Any) -> bool:
    """Tell whether two values cannot be told apart: equal, of the same kinds, and in the same order."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict):
        return _is_same(list(value.items()), list(other.items()))
    if isinstance(value, list | deque | tuple):
        return len(value) == len(other) and all(map(_is_same, value, other))
    if dataclasses.is_dataclass(value):
        names = _fields_of(type(value)) or ()
        return all(_is_same(getattr(value, name), getattr(other, name)) for name in names)
    return bool(value == other)


def _can_be_saved(kind: type) -> bool:
    known = (*_IMMUTABLE, *_KINDS.values(), tuple)
    return kind in known or issubclass(kind, enum.Enum) or _fields_of(kind) is not None


def _fields_of(kind: Any) -> Sequence[str] | None:
    """Return the names of the fields of a record; None of what is none."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    fields: Sequence[str] | None = getattr(kind, "_fields", None)
    return fields


def encode(value: Any, depth: int = 0) -> object:
    """Return a value as a saved state holds it: what JSON can hold, and bytes.

    A record (a dataclass, a NamedTuple) becomes the list of its fields, a dict the list of its pairs; a
    container within another one an object of one member, which has the name of its kind. Raises
    TypeError for what else there is.
    """
    if depth > _MAX_DEPTH:
        raise TypeError(f"it nests more than {_MAX_DEPTH} deep")
    if value is None or type(value) in _IMMUTABLE:
        return value
    if isinstance(value, enum.Enum):
        return encode(value.value, depth + 1)
    if _fields_of(type(value)) is not None:
        names = _fields_of(type(value)) or ()
        return [encode(getattr(value, name), depth + 1) for name in names]
    if type(value) is tuple:
        return [encode(element, depth + 1) for element in value]
    if type(value).__name__ in _KINDS:
        contents = _contents(value, depth + 1)
        return {type(value).__name__: contents} if depth else contents
    raise TypeError(f"it holds a {type(value).__name__}")


def _contents(value: Any, depth: int) -> object:
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, dict):
        return [[encode(key, depth), encode(item, depth)] for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return [encode(element, depth) for element in sorted(value, key=_order)]
    return [encode(element, depth) for element in value]


def decode(saved: Any, kind: Any, of: Any = None, depth: int = 0) -> Any:
    """Return the value of this kind that `encode` has made ``saved`` of.

    ``of`` is the kind of a container's elements where that cannot be seen. Raises TypeError or ValueError for
    what is none.
    """
    if depth > _MAX_DEPTH + 1:
        raise TypeError
    if kind in _IMMUTABLE:
        if type(saved) is not kind:
            raise TypeError
        return saved
    if issubclass(kind, enum.Enum):
        return kind(_plain(saved, depth))
    if isinstance(saved, dict):
        ((name, saved),) = saved.items()
        if name != kind.__name__:
            raise TypeError
    if kind is bytearray:
        return bytearray(decode(saved, bytes))
    if not isinstance(saved, list):
        raise TypeError
    if _fields_of(kind) is not None:
        return _decode_record(saved, kind, depth)
    if kind is dict:
        return {_plain(key, depth): _element(value, of, depth) for key, value in saved}
    return kind(_element(element, of, depth) for element in saved)


def _element(saved: Any, of: Any, depth: int) -> Any:
    return _plain(saved, depth) if of is None else _decode_field(saved, of, depth + 1)


def _plain(saved: Any, depth: int) -> Any:
    """Return an element whose kind is not declared: a number, a text, bytes, a container of these."""
    if isinstance(saved, dict):
        ((name, contents),) = saved.items()
        return decode(contents, _KINDS[name], None, depth + 1)
    return decode(saved, tuple, None, depth + 1) if isinstance(saved, list) else saved


def _decode_record(saved: list[Any], kind: Any, depth: int) -> Any:
    """Return a record; what an older version had no fields for gets its defaults."""
    hints, names = get_type_hints(kind), _fields_of(kind) or ()
    if len(saved) > len(names):
        raise ValueError
    fields = zip(names, saved, strict=False)
    return kind(**{name: _decode_field(value, hints.get(name), depth + 1) for name, value in fields})


def _decode_field(saved: Any, kind: Any, depth: int) -> Any:
    """Return the value of a field of a record; of a kind such as ``list[int]`` or ``Request | None``, too."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        if saved is None and type(None) in arguments:
            return None
        return _decode_field(saved, next(one for one in arguments if one is not type(None)), depth)
    if origin in _KINDS.values():
        of = arguments[-1]  # of a dict the kind of its values
        return decode(saved, origin, None if of in _IMMUTABLE or of is Any else of, depth)
    return decode(saved, kind, None, depth) if isinstance(kind, type) else _plain(saved, depth)

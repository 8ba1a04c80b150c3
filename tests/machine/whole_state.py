# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a machine keeps, found by looking at its objects, not at what these say of themselves.

What somebody adds to a core or a device and forgets to bring back is in here, too. What is kept only to be
fast, or belongs to the host, is named below, and nothing else is left out.
"""

from __future__ import annotations

import enum
import hashlib
import types
from collections import Counter, deque
from functools import partial
from itertools import count
from mmap import mmap
from typing import TYPE_CHECKING, Any

from paradrive.cpu.clock import Clock, Event
from paradrive.cpu.state import CoreState, StateLayout
from paradrive.devices.device import Device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.machine.machine import Machine

#: Members of `StateLayout` that compiled code uses between two looks at them, or that the clock stands for.
_SCRATCH = {"virtual_page", "fault_address", "store_value", "remaining", "clock_limit"}
_TRANSLATIONS = {"translations", "single", "supervisor", "user"}
#: By class and attribute: what is kept to be fast, what is the host's, and records of what the guest did.
_NOT_THE_GUESTS = {
    ("Vcpu", "engine"),
    ("Vcpu", "_end"),
    ("Vcpu", "_words"),  # the core's, which has them
    ("Vcpu", "_last_snapshot"),
    ("Machine", "_last_snapshot"),
    ("Machine", "_outcome"),
    ("Machine", "_active_instructions"),
    ("Machine", "_active_time"),
    ("Machine", "_active_spent"),
    ("Machine", "_charges"),
    ("Core", "readable"),
    ("Core", "writable"),
    ("Core", "executable"),
    ("Core", "_pages"),
    ("Core", "stored_pages"),
    ("Core", "unimplemented"),
    ("Core", "code_pages"),
    ("Breakpoints", "_last_arrival"),
    ("Bus", "_dependents"),  # caches of the map, which change with it
    ("Ram", "host_address"),
    ("Kernel", "source"),
    ("Initrd", "source"),
    ("Pvctl", "recent"),
    # What the tests' machines have besides.
    ("Machine", "printed"),
}
#: Attributes of every device: what the machine hands to it, and what it knows of attributes of its own.
_NOT_A_DEVICES = {"services", "_undeclared", "_size_without_undeclared"}
_NO_STATE = (
    *(type, types.FunctionType, types.MethodType, types.BuiltinMethodType, types.ModuleType, partial),
    *(mmap, StateLayout, type(count())),
)
_ATOMS = (int, str, bytes, float, type(None), enum.Enum)
_KNOWN: set[tuple[object, ...]] = set()


def whole_state(machine: Machine) -> dict[str, object]:
    """Return every value that can be reached from a machine, by the path to it.

    RAM is there by its digest, what is scheduled by when it is due; time and instructions stand for what the
    core counts with.
    """
    found: dict[str, object] = {"time": machine.clock.now(), "instructions": machine.vcpu.instructions}
    seen: set[int] = set()
    kept: list[object] = []  # so that no two of them get the same address
    queue: deque[tuple[str, Any]] = deque([("machine", machine)])
    while queue:
        path, value = queue.popleft()
        if _is_plain(value):
            found[path] = _frozen(value)
            continue
        if isinstance(value, _NO_STATE) or id(value) in seen:
            continue
        seen.add(id(value))
        kept.append(value)
        if isinstance(value, (bytearray, memoryview)):
            found[path] = hashlib.sha256(value).hexdigest()
        else:
            queue.extend((f"{path}{name}", part) for name, part in _parts(value))
    return found


def differences(one: dict[str, object], other: dict[str, object]) -> dict[str, tuple[object, object]]:
    """Return what two states differ in, by path."""
    return {
        path: (one.get(path), other.get(path))
        for path in one.keys() | other.keys()
        if one.get(path) != other.get(path)
    }


def _is_plain(value: object) -> bool:
    """Tell whether a value is a number or a text, or a sequence of such, to any depth."""
    if isinstance(value, _ATOMS):
        return True
    if not isinstance(value, (tuple, list, deque)):
        return False
    if _is_known(value):
        return True
    plain = all(map(_is_plain, value))
    if plain and isinstance(value, tuple):
        _KNOWN.add(_frozen(value))  # type: ignore[arg-type]
    return plain


def _is_known(value: object) -> bool:
    """Tell whether a value is a tuple that has been looked at before: TLBs are full of equal ones."""
    try:
        return isinstance(value, tuple) and value in _KNOWN
    except TypeError:  # it has something in it that can change
        return False


def _frozen(value: Any) -> object:
    """Return a plain value as one that nobody changes."""
    if isinstance(value, _ATOMS) or _is_known(value):
        return value
    return tuple(map(_frozen, value))


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, CoreState):
        yield from _registers(value)
    elif isinstance(value, Clock):
        yield ".due", tuple(sorted(when for when, *_, event in value._queue if event.action is not None))
    elif isinstance(value, Event):
        yield ".due", None if value.action is None else value.when
    elif isinstance(value, (dict, types.MappingProxyType, Counter)):
        yield from ((f"[{key!r}]", part) for key, part in value.items() if isinstance(key, _ATOMS))
        yield ".len", len(value)
    elif hasattr(value, "_asdict"):
        yield from _named(value, value._asdict())
    elif isinstance(value, (list, tuple, deque)):
        yield from ((f"[{number}]", part) for number, part in enumerate(value))
        yield ".len", len(value)
    elif isinstance(value, (set, frozenset)):
        yield ".items", tuple(sorted(repr(part) for part in value if isinstance(part, _ATOMS)))
        yield ".len", len(value)
    elif type(value).__module__.startswith("paradrive."):
        yield from _attributes(value)
    else:
        raise TypeError(f"whole_state does not know what a {type(value)} holds")


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    names = [name for base in type(value).__mro__ for name in vars(base).get("__slots__", ())]
    slots = {name: getattr(value, name) for name in names if hasattr(value, name)}
    yield from _named(value, slots | getattr(value, "__dict__", {}))


def _named(value: object, parts: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, part in parts.items():
        is_handed = isinstance(value, Device) and name in _NOT_A_DEVICES
        if not is_handed and (type(value).__name__, name) not in _NOT_THE_GUESTS:
            yield f".{name}", part


def _registers(state: CoreState) -> Iterator[tuple[str, object]]:
    for name, *_ in StateLayout._fields_:
        if name not in _SCRATCH | _TRANSLATIONS:
            place = getattr(StateLayout, name)
            yield f".{name}", bytes(state.bytes[place.offset : place.offset + place.size])

# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device class declares: registers, interrupts, timers, state.

A declaration is a class attribute; the attribute of the same name on an instance is what it stands for: a
register's value, an interrupt's line. The life cycle of a device is that of its declarations. A method is
made a hook by a decorator that the declaration offers (``@STATUS.after_write``).
"""

from __future__ import annotations

import abc
from copy import copy
from dis import get_instructions
from functools import cached_property
from itertools import pairwise
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from paradrive.devices.device import Device

Hook = TypeVar("Hook", bound="Callable[..., Any]")
#: The attribute of a method that lists the declarations which it hooks, and how.
_HOOKED = "_hooked_declarations"
#: The kinds of hooks that do something, the one which comes last in an access first.
_ACTIONS = ("written", "write", "taken", "expires")

#: What uses an object that has just been loaded only for one of its attributes.
_ATTRIBUTE_ACCESSES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD", "STORE_ATTR")


class Declaration(abc.ABC):
    """One thing that a device has.

    ``section`` names the part of a saved state that holds it, by its name. ``is_constant`` marks what the
    host determines: reset, save and load leave it alone.
    """

    section: ClassVar[str]
    name: str
    is_constant = False
    #: Whether the attribute of an instance is the value itself, so that setting it can be noticed.
    is_observable: ClassVar[bool] = False

    def __init__(self) -> None:
        #: The names of methods, by what they do.
        self.hooks: dict[str, str] = {}

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def hook(self, kind: str, method: Hook) -> Hook:
        """Mark a method as a hook; `declare` makes it one of the class that defines it."""
        vars(method).setdefault(_HOOKED, []).append((self, kind))
        return method

    def hooked(self, device: Device, kind: str) -> Callable[..., Any] | None:
        """Return the device's method that is the hook of this kind, None where there is none.

        What stands between the device and its action is around it (`Device.intercept`).
        """
        name = self.hooks.get(kind)
        if name is None:
            return None
        hook: Callable[..., Any] = getattr(device, name)
        return device.intercepted(self.name, hook) if kind == self.action else hook

    @property
    def action(self) -> str | None:
        """The kind of the hook that does what the guest, or time, asks for; None where there is none."""
        return next((kind for kind in _ACTIONS if kind in self.hooks), None)

    def interceptors_changed(self, device: Device) -> None:
        """Follow a change of what stands between the device and the actions of this."""
        return

    @abc.abstractmethod
    def create(self, device: Device) -> None:
        """Give a new device what this stands for, in its power-on state."""

    def attach(self, device: Device) -> None:
        """Follow the services that the device has been handed."""
        return

    def reset(self, device: Device) -> None:
        """Return to the power-on state."""
        self.create(device)

    def load_default(self, device: Device) -> None:
        """Follow a saved state that does not hold it: be as after power-on."""
        self.reset(device)

    @abc.abstractmethod
    def save(self, device: Device) -> object:
        """Return what a saved state holds of it, as `Device.save` says; None: nothing."""

    @abc.abstractmethod
    def load(self, device: Device, saved: object) -> bool:
        """Take over what was saved; return False, having changed nothing, where it cannot be."""

    @abc.abstractmethod
    def capture(self, device: Device) -> Callable[[], None] | None:
        """Return what brings the present state back, as often as it is called; None: nothing to do."""

    def destroy(self, device: Device) -> None:
        """Let go of what the device holds outside itself."""
        return


class _Observed(Declaration):
    """What a declaration is besides if an interrupt's level depends on its value: each change is noticed.

    There is no ``__get__``, so that the value is found as fast as that of any attribute.
    """

    def __set__(self, device: Device, value: object) -> None:
        vars(device)[self.name] = value
        device.settle()


def declare(device: type[Device]) -> dict[str, Declaration]:
    """Return the declarations of a class by name, its bases' first, with the hooks that it defines.

    A class that hooks a declaration of a base gets one of its own: the base's does not change. Raises
    TypeError for a hook of something that the class does not have, or of what another one hooks, too.
    """
    seen: dict[tuple[str, str], str] = {}
    for name, method in tuple(vars(device).items()):
        for hooked, kind in getattr(method, _HOOKED, ()) if isinstance(method, FunctionType) else ():
            other = seen.get((hooked.name, kind))
            if other is not None and vars(device)[other] is not method:
                raise TypeError(f"{device.__name__}: {other} and {name} hook the same of {hooked.name}")
            seen[hooked.name, kind] = name
            _own(device, hooked, name).hooks[kind] = name
    declarations: dict[str, Declaration] = {}
    for base in reversed(device.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Declaration):
                declarations[name] = value
            else:
                declarations.pop(name, None)  # a subclass may do without
    return declarations


def _own(device: type[Device], hooked: Declaration, method: str) -> Declaration:
    """Return the class's own declaration in the place of ``hooked``, which may be a base's."""
    own: Declaration | None = vars(device).get(hooked.name)
    if own is hooked:
        return hooked
    if all(vars(base).get(hooked.name) is not hooked for base in device.__mro__[1:]):
        raise TypeError(f"{device.__name__}.{method} hooks {hooked.name} of a class that is no base")
    if isinstance(own, Declaration):
        return own
    nearest: Declaration = getattr(device, hooked.name)  # a class between the two may have hooked it, too
    return _copy_for(device, nearest)


def _copy_for(device: type[Device], declaration: Declaration) -> Declaration:
    own = copy(declaration)
    own.hooks = dict(declaration.hooks)
    setattr(device, declaration.name, own)
    return own


def observe(device: type[Device], declaration: Declaration) -> Declaration:
    """Have each change of a declaration noticed in devices of this class; return what it is in it."""
    if isinstance(declaration, _Observed):
        return declaration
    if vars(device).get(declaration.name) is not declaration:
        declaration = _copy_for(device, declaration)
    kind = type(declaration)
    declaration.__class__ = type(kind.__name__, (_Observed, kind), {})
    return declaration


def names_used(device: type[Device], method: str, declared: Collection[str]) -> set[str]:
    """Return the names of those ``declared`` which a method may look at, or methods that it calls.

    Where the device is handed on to something that cannot be looked into, these are all.
    """
    names: set[str] = set()
    todo = [method]
    while todo:
        name = todo.pop()
        for base in device.__mro__:  # an overridden method may be called by super()
            function = _function(vars(base).get(name))
            if function is None:
                continue
            found, is_handed_on = _names_in(function.__code__, function.__code__.co_varnames[:1])
            if is_handed_on:
                return set(declared)
            todo += found - names
            names |= found
    return names.intersection(declared)


def _function(attribute: object) -> FunctionType | None:
    """Return the function behind a method or a property."""
    if isinstance(attribute, property | cached_property):
        attribute = attribute.fget if isinstance(attribute, property) else attribute.func
    return attribute if isinstance(attribute, FunctionType) else None


def _names_in(code: CodeType, device: tuple[str, ...]) -> tuple[set[str], bool]:
    """Return the names in a function, and whether it uses its device otherwise than for an attribute."""
    names, is_handed_on = set(code.co_names), "__dict__" in code.co_names
    instructions = [one for one in get_instructions(code) if one.opname not in ("CACHE", "EXTENDED_ARG")]
    for one, following in pairwise(instructions):
        is_device = one.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) and one.argval in device
        is_handed_on |= is_device and following.opname not in _ATTRIBUTE_ACCESSES
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            more, too = _names_in(constant, device)
            names, is_handed_on = names | more, is_handed_on or too
    return names, is_handed_on

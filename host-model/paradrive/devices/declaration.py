# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device class declares: registers, interrupts, timers, state.

A declaration is a class attribute; the attribute of the same name on an instance is what it stands for: a
register's value, an interrupt's line. The life cycle of a device is that of its declarations. A method is
made a hook by a decorator that the declaration offers (``@STATUS.after_write``).
"""

from __future__ import annotations

import abc
from copy import copy
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paradrive.devices.device import Device

Hook = TypeVar("Hook", bound="Callable[..., Any]")
#: The attribute of a method that lists the declarations which it hooks, and how.
_HOOKED = "_hooked_declarations"
#: The kinds of hooks that do something, the one which comes last in an access first.
_ACTIONS = ("written", "write", "taken", "expires")


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


def held(device: object, name: str) -> Any:
    """Return what a device holds under this name; AttributeError before its constructor has run."""
    try:
        return vars(device)[name]
    except KeyError:
        raise AttributeError(f"{type(device).__name__}.{name} is nothing before super().__init__()") from None


class Observed:
    """A declaration of whose value an interrupt's level depends: each change of it is noticed.

    It takes the place of the declaration among the attributes of the class.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self._name = declaration.name

    def __get__(self, device: Device | None, owner: type) -> Any:
        return self.declaration if device is None else vars(device)[self._name]

    def __set__(self, device: Device, value: object) -> None:
        vars(device)[self._name] = value
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
            value = _declared(value)
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
    if all(_declared(vars(base).get(hooked.name)) is not hooked for base in device.__mro__[1:]):
        raise TypeError(f"{device.__name__}.{method} hooks {hooked.name} of a class that is no base")
    if isinstance(own, Declaration):
        return own
    nearest: Declaration = getattr(device, hooked.name)  # a class between the two may have hooked it, too
    own = copy(nearest)
    own.hooks = dict(nearest.hooks)
    setattr(device, hooked.name, own)
    return own


def _declared(attribute: object) -> object:
    return attribute.declaration if isinstance(attribute, Observed) else attribute


def observe(device: type[Device], names: set[str]) -> None:
    """Have each change of these declarations noticed in devices of this class."""
    for name in names:
        declaration = getattr(device, name)
        setattr(device, name, Observed(declaration))


def names_used(device: type[Device], method: str) -> set[str]:
    """Return the names of attributes that a method may look at, those of methods that it calls included."""
    names: set[str] = set()
    todo = [method]
    while todo:
        function = getattr(device, todo.pop(), None)
        if isinstance(function, property):
            function = function.fget
        if isinstance(function, FunctionType):
            found = set(_names_in(function.__code__)) - names
            names |= found
            todo += found
    return names


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)

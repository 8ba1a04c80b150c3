# SPDX-License-Identifier: GPL-2.0-or-later
"""What every device is: accesses, services, life cycle, and the record of what the guest did wrong."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from paradrive.devices.declaration import Declaration, declare, names_used, observe
from paradrive.devices.deferred import DeferredCalls
from paradrive.devices.guest_errors import GuestError, GuestErrorLog, ProtocolError
from paradrive.devices.interrupt import Interrupt, InterruptLine
from paradrive.devices.services import Services, unattached
from paradrive.devices.state import State as DeclaredState
from paradrive.devices.undeclared import Undeclared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paradrive.cpu.clock import Clock
    from paradrive.devices.dma import ByteOrder, Dma
    from paradrive.devices.fields import FieldNames
    from paradrive.devices.services import Host, Node

State = dict[str, object]
"""Saved state of a device: what JSON can hold (int, str, bool, None, lists and dicts of these), and bytes."""

Interceptor = Callable[..., Any]
"""What decides of an action of a device: called with the call that it would be, and its arguments."""

#: What `Device.intercept` calls the accesses of a device to guest memory.
MEMORY_READ, MEMORY_WRITE = "memory.read", "memory.write"

RegionKey = int | str
"""A region of a device: the index of an entry of ``reg``, or its name in ``reg-names``."""


class Device:
    """A device in the physical address map.

    It declares what it has (`declaration`), and its life cycle is that of its declarations. The machine
    drives it: the constructor creates the device in its power-on state, ``attach`` hands it what the machine
    offers, ``reset()`` returns it to the power-on state, ``save()`` and ``load()`` carry its state over,
    ``destroy()`` ends it.

    Offsets count in bytes from the start of a region, sizes are 1, 2, 4 or 8 bytes, values are
    unsigned and as on the bus, which is big-endian. Nothing the guest does may raise: an access that the
    device does not define is recorded in ``guest_errors``, reads as 0 and changes nothing.
    """

    #: The device tree's ``compatible`` strings which this class models.
    compatible: ClassVar[tuple[str, ...]] = ()
    #: What nodes call it in ``paradrive,model``, where their ``compatible`` tells only how it is reached.
    model_names: ClassVar[tuple[str, ...]] = ()
    #: Version of the saved state; raise it when an older model could not understand the state any more.
    state_version: ClassVar[int] = 1
    #: The order of the bytes of registers, and of numbers in guest memory. ``byte_order_from_node``: unless
    #: the node says another, by big-endian, little-endian or native-endian (which is the guest's: big).
    byte_order: ByteOrder = "big"
    byte_order_from_node: ClassVar[bool] = False
    #: The regions that it answers in.
    regions: ClassVar[tuple[RegionKey, ...]] = (0,)
    #: Whether its node must say where it answers: one without registers, such as a button, need not.
    needs_reg: ClassVar[bool] = True
    #: The first interrupt of its node, of a device that declares no interrupt of its own.
    interrupt = Interrupt()
    #: What the class declares, by name; filled in for each class.
    declarations: ClassVar[Mapping[str, Declaration]] = MappingProxyType({})
    #: The declared interrupts whose level a method tells, and the containers with a limit.
    _levels: ClassVar[tuple[Interrupt, ...]] = ()
    _level_methods: ClassVar[tuple[tuple[Callable[[Any], object], str], ...]] = ()
    _bounded: ClassVar[tuple[DeclaredState[Any], ...]] = ()
    #: Whether the class has its own ``load`` or ``capture``: what it does not declare, it brings back itself.
    restores_itself: ClassVar[bool] = False
    #: The names of what levels depend on.
    _observed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "load" in vars(cls) and "capture" not in vars(cls):
            # What it saves besides its base does, the base's faster way would miss.
            cls.capture = Device.capture_by_load  # type: ignore[method-assign]
        declarations = declare(cls)
        for name in declarations:
            inherited = (vars(base).get(name) for base in Device.__mro__)
            if name in _HOST_ATTRIBUTES - {"interrupt"} or any(
                one is not None and not isinstance(one, Declaration) for one in inherited
            ):
                raise TypeError(f"{cls.__name__}: {name} means something else in every device")
        interrupts = [one for one in declarations.values() if isinstance(one, Interrupt)]
        if len(interrupts) > 1 and declarations.get("interrupt") is Device.interrupt:
            interrupts.remove(declarations.pop("interrupt"))  # type: ignore[arg-type]
        cls.declarations = declarations
        cls._levels = tuple(interrupt for interrupt in interrupts if "level" in interrupt.hooks)
        cls._level_methods = tuple((getattr(cls, one.hooks["level"]), one.name) for one in cls._levels)
        cls._observed = frozenset(
            name for one in cls._levels for name in names_used(cls, one.hooks["level"], declarations.keys())
        )
        for name in cls._observed:
            if declarations[name].is_observable:
                declarations[name] = observe(cls, declarations[name])
        states = (one for one in declarations.values() if isinstance(one, DeclaredState))
        cls._bounded = tuple(state for state in states if state.is_bounded)

        cls.restores_itself = any(
            {"capture", "load"} & vars(base).keys() for base in cls.__mro__ if base is not Device
        )

    #: What stands between the device and its actions, by their names.
    _interceptors: dict[str, list[Interceptor]] = {}  # noqa: RUF012

    def __init__(self, interrupt: InterruptLine | None = None) -> None:
        #: Whether an access or a timer is being served, behind which the levels are asked for anyway.
        self._is_settling = True
        #: Names the device in messages and traces; the machine puts the tree's node name here.
        self.name = type(self).__name__.lower()
        self.guest_errors = GuestErrorLog()
        self.services = unattached()
        #: Calls that are to be made later, and the wires of interrupts behind what stands between.
        self.deferred: DeferredCalls | None = None
        self.wires: dict[str, InterruptLine] = {}
        #: Called when what ``reader`` and ``writer`` have returned is stale.
        self.accessors_changed: Callable[[], None] = lambda: None
        for declaration in self.declarations.values():
            declaration.create(self)
        self._undeclared: Undeclared | None = None
        self._size_without_undeclared = -1
        self._interceptors = {}
        if interrupt is not None:
            vars(self)["interrupt"] = interrupt
        self._is_settling = False

    # Services

    def attach(self, services: Services) -> None:
        """Take what a machine offers; it does so once, before the guest runs.

        A subclass may read its node here, after calling this.
        """
        self.services = services
        if self.byte_order_from_node:
            self.byte_order = _byte_order(services.node, type(self).byte_order)
        memory = services.memory
        memory.device, memory.guest_errors, memory.byte_order = self.name, self.guest_errors, self.byte_order
        for declaration in self.declarations.values():
            declaration.attach(self)
        self.settle()

    @property
    def clock(self) -> Clock:
        """Guest time, in nanoseconds."""
        return self.services.clock

    @property
    def memory(self) -> Dma:
        """The guest's memory, by the addresses of the device's bus."""
        return self.services.memory

    @property
    def node(self) -> Node:
        """The device's node in the tree, whose properties describe it."""
        return self.services.node

    @property
    def host(self) -> Host:
        """The machine around the device, which powers it off or resets it."""
        return self.services.host

    # Accesses

    def reader(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[], int]:
        """Return the function that performs one read here; it may be kept and called any number of times."""
        return self.undefined_reader(offset, size)

    def writer(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[int], None]:
        """Return the function that performs one write of a value of ``size`` bytes here; as ``reader``."""
        return self.undefined_writer(offset, size)

    def register_name(self, offset: int, is_write: bool, region: RegionKey = 0) -> str:
        """Return the name of the register which an access reaches now, for traces."""
        return f"{offset:#x}"

    @property
    def swaps(self) -> bool:
        """Whether values have the other byte order than the bus."""
        return self.byte_order == "little"

    def fields_at(self, offset: int, size: int, is_write: bool, region: RegionKey = 0) -> FieldNames | None:
        """Return the names of the bits or values of the register which an access reaches as a whole."""
        return None

    def read(self, offset: int, size: int, region: RegionKey = 0) -> int:
        """Perform one read."""
        return self.reader(offset, size, region)()

    def write(self, offset: int, size: int, value: int, region: RegionKey = 0) -> None:
        """Perform one write; bits of ``value`` beyond ``size`` bytes are dropped."""
        # A test may well pass a member of an enum; the device shall hold plain ints.
        self.writer(offset, size, region)(int(value) & ((1 << 8 * size) - 1))

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

    def refuse(self, problem: str) -> None:
        """Record a request of the guest that breaks the protocol between driver and device."""
        self.guest_errors.record(ProtocolError(self.name, problem))

    # What stands between the device and what it does

    def intercept(self, what: str, interceptor: Interceptor) -> Callable[[], None]:
        """Let ``interceptor(call, *arguments)`` decide of each action what becomes of ``call(*arguments)``.

        ``what`` is the name of a register or a window with a hook that acts (of several: the last in an
        access), of a timer (``call()``), or of an interrupt (``call(level)``); or `MEMORY_READ`
        (``call(address, size)``) or `MEMORY_WRITE` (``call(address, data)``). Of two, the newer comes first.
        Returns what ends it. LookupError where there is no
        such action.
        """
        declaration = self.declarations.get(what)
        acts = declaration is not None and (
            declaration.action is not None or isinstance(declaration, Interrupt)
        )
        if not acts and what not in (MEMORY_READ, MEMORY_WRITE):
            raise LookupError(f"{self.name} does nothing by the name of {what!r}")
        self._interceptors.setdefault(what, []).append(interceptor)
        self._interceptors_changed(what)

        def release() -> None:
            if interceptor in self._interceptors[what]:
                self._interceptors[what].remove(interceptor)
                self._interceptors_changed(what)

        return release

    def intercepted(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call of an action with all interceptors around it."""
        for interceptor in self._interceptors.get(what, ()):
            call = partial(interceptor, call)
        return call

    def _interceptors_changed(self, what: str) -> None:
        if what in self.declarations:
            self.declarations[what].interceptors_changed(self)
            self.accessors_changed()  # hooks are composed beforehand
        else:
            self.memory.intercept(
                partial(self.intercepted, MEMORY_READ), partial(self.intercepted, MEMORY_WRITE)
            )

    def defer(self, nanoseconds: int, action: Callable[[], Any]) -> None:
        """Make a call that was intercepted later, in guest time; a reset of the device drops it.

        Snapshots keep it, saved files cannot.
        """
        if self.deferred is None:
            self.deferred = DeferredCalls(self)
        self.deferred.add(self.clock.now() + max(nanoseconds, 1), action)

    def drop_deferred(self) -> None:
        """Make none of the calls that have been deferred."""
        if self.deferred is not None:
            self.deferred.drop()

    # Levels and limits

    @property
    def _settles(self) -> bool:
        return bool(self._levels or self._bounded)

    def settle(self) -> None:
        """Follow what has changed: drive each interrupt to its level, and keep containers to their limits.

        That happens by itself after each access and each timer which has a hook, after reset, load and
        restore, and when a register or a state that a level depends on is set. Who changes a container
        from outside calls it.
        """
        if self._is_settling:
            return
        if self._bounded:
            self._bound()
        values = self.__dict__
        for tells, name in self._level_methods:
            level, line = bool(tells(self)), values[name]
            if level is not line.level:
                line.set(level)

    def _bound(self) -> None:
        for state in self._bounded:
            if excess := state.bound(self):
                self.refuse(f"{state.name} holds {state.limit}; {excess} more were dropped")

    def settling(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``action`` with `settle` behind it: levels change once, not with each register."""
        if not self._settles:
            return action

        settle = self.settle

        def act(*arguments: Any) -> Any:
            if self._is_settling:
                return action(*arguments)
            self._is_settling = True
            try:
                result = action(*arguments)
            finally:
                self._is_settling = False
            settle()
            return result

        return act

    def settled(self, store: Callable[[int], None]) -> Callable[[int], None]:
        """Return a function that stores a value, and nothing more, with `settle` behind it."""
        settle = self.settle

        def store_and_settle(value: int) -> None:
            store(value)
            settle()

        return store_and_settle

    # Life cycle

    def reset(self) -> None:
        """Return to the power-on state."""
        self.drop_deferred()
        self._settled(self._reset_declarations)

    def _reset_declarations(self) -> None:
        for declaration in self.declarations.values():
            if not declaration.is_constant:
                declaration.reset(self)

    def save(self) -> State:
        """Return the state; a subclass adds its own keys to these."""
        state: State = {"version": self.state_version}
        for name, declaration in self.declarations.items():
            if declaration.is_constant:
                continue
            section = state.setdefault(declaration.section, {})
            value = declaration.save(self)
            if value is not None:
                section[name] = value  # type: ignore[index]
        return state

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
        if version < self.state_version:
            state = self.upgrade(deepcopy(dict(state)), version)
        self._settled(lambda: self._load_declarations(state))

    def upgrade(self, state: State, version: int) -> State:
        """Return a state that an older model has saved as this one would have saved it.

        A subclass may rename or convert what has changed since ``version``; the state is its own. What is
        not in it gets its power-on value.
        """
        return state

    def _load_declarations(self, state: Mapping[str, object]) -> None:
        variable = {name: one for name, one in self.declarations.items() if not one.is_constant}
        sections = {one.section for one in variable.values()}
        saved: dict[str, object] = {}
        for section in sections:
            values = state.get(section, {})
            if not isinstance(values, dict):
                raise ValueError(f"{self.name}: saved state: {section} is no object")
            for name in values:
                if name not in variable or variable[name].section != section:
                    raise ValueError(
                        f"{self.name}: saved state: {section} has {name!r:.40}, which is unknown"
                    )
            saved |= values
        for name, declaration in variable.items():
            if name not in saved:
                declaration.load_default(self)
            elif not declaration.load(self, saved[name]):
                raise ValueError(f"{self.name}: saved state: {name} has a bad value")

    def _settled(self, action: Callable[[], object]) -> None:
        """Do what changes many things at once."""
        outer, self._is_settling = self._is_settling, True
        try:
            action()
        finally:
            self._is_settling = outer
        self.settle()

    def capture(self) -> Callable[[], None]:
        """Return what brings this very device back to its present state, as often as it is called.

        It does what ``load`` of ``save`` does. A device may have a faster way, as nothing has to be checked:
        each test begins with it. A class that has its own ``load`` does not inherit that of its base.
        """
        undeclared = self._undeclared = Undeclared(self)
        variable = (one for one in self.declarations.values() if not one.is_constant)
        reverts = [revert for one in variable if (revert := one.capture(self)) is not None]
        levels = [(vars(self)[one.name], vars(self)[one.name].level) for one in self._levels]

        def revert_all() -> None:
            if not self.restores_itself:
                for name in undeclared.changes():
                    undeclared.bring_back(name)
            self._is_settling = True
            for revert in reverts:
                revert()
            for line, level in levels:
                line.level = level  # the controller's state holds it, too: no edge
            self._is_settling = False
            self.settle()

        return revert_all

    def undeclared_names(self) -> set[str]:
        """Return the names of the attributes that the class does not declare."""
        if len(vars(self)) == self._size_without_undeclared:
            return set()
        names = vars(self).keys() - self.declarations.keys() - _HOST_ATTRIBUTES
        self._size_without_undeclared = len(vars(self)) - len(names)
        return names

    def undeclared_changes(self) -> list[str]:
        """Return the names of attributes, not declared, that have changed since `capture`.

        A class that has its own ``load`` or ``capture`` brings them back by itself, or not. Of the others
        a restore does it, as far as it can tell: numbers, texts, containers, objects of its author.
        """
        return [] if self._undeclared is None else self._undeclared.changes()

    def capture_by_load(self) -> Callable[[], None]:
        """Return what brings the device back by ``load``."""
        self._undeclared = Undeclared(self)
        return partial(self.load, self.save())

    def destroy(self) -> None:
        """Let go of what the device holds outside itself, such as timers; it is not used any more after."""
        for declaration in self.declarations.values():
            declaration.destroy(self)


#: The attributes of every device which are the machine's or the host's.
_HOST_ATTRIBUTES = frozenset(
    (
        *("name", "guest_errors", "services", "byte_order", "interrupt", "deferred", "wires"),
        "accessors_changed",
        *(
            "_is_settling",
            "_undeclared",
            "_size_without_undeclared",
            "_readable",
            "_writable",
            "_interceptors",
        ),
    )
)


def _byte_order(node: Node, default: ByteOrder) -> ByteOrder:
    """Return what a node says (Linux, bindings/common-properties.txt), the default where it says nothing."""
    orders: tuple[tuple[str, Literal["big", "little"]], ...] = (
        ("big-endian", "big"),
        ("little-endian", "little"),
        ("native-endian", "big"),
    )
    return next((order for name, order in orders if name in node.properties), default)


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

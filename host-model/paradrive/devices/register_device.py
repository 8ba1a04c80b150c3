# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices whose registers are declared: what the declarations of ``registers`` yield."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from paradrive.devices.device import Device, State
from paradrive.devices.registers import Declaration, RegisterArray, hook_inherited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paradrive.devices.interrupt import InterruptLine


#: Registers by offset: the declaration, and which one it is of those declared together.
Places = dict[int, tuple[Declaration, int]]


class RegisterDevice(Device):
    """A device whose registers are declared as class attributes."""

    #: The declarations by ascending offset; filled in for each class.
    registers: ClassVar[tuple[Declaration, ...]] = ()
    #: Those whose values reset, save and load concern, by name.
    variable_registers: ClassVar[dict[str, Declaration]] = {}
    #: What can be read and what can be written, by how many registers the declarations stand for. Kept here
    #: and not in a cache of functions, which would keep classes alive that somebody has done away with.
    _by_offset: ClassVar[dict[tuple[tuple[int, ...], ...], tuple[Places, Places]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        hook_inherited(cls)
        by_name = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
        declarations = (value for value in by_name.values() if isinstance(value, Declaration))
        cls.registers = tuple(sorted(declarations, key=lambda register: register.offset))
        cls._by_offset = {}
        cls.variable_registers = {
            register.name: register for register in cls.registers if not register.constant
        }

    def __init__(self, interrupt: InterruptLine | None = None) -> None:
        super().__init__(interrupt)
        for register in self.registers:
            register.initialise(self)
        counts = tuple(register.counts(self) for register in self.registers)
        if counts not in self._by_offset:
            self._by_offset[counts] = self._map(counts)
        self._readable, self._writable = self._by_offset[counts]

    @classmethod
    def _map(cls, counts: tuple[tuple[int, ...], ...]) -> tuple[Places, Places]:
        """Return the registers that can be read, and those that can be written.

        ``counts`` are those of the declarations. Raises TypeError for two registers at one offset.
        """
        readable: Places = {}
        writable: Places = {}
        for register, count in zip(cls.registers, counts, strict=True):
            if register.banked:
                continue
            for places, defined in ((readable, register.readable), (writable, register.is_writable)):
                for offset, index in register.places(count) if defined else ():
                    taken = places.setdefault(offset, (register, index))[0]
                    if taken is not register:
                        both = f"{register.name} and {taken.name}"
                        raise TypeError(f"{cls.__name__}: {both} are both at {offset:#x}")
        return readable, writable

    def reader(self, offset: int, size: int) -> Callable[[], int]:
        """Return the function that performs one read of the register here."""
        register, index = self._readable.get(offset, (None, 0))
        if register is None or register.width != size:
            return self.undefined_reader(offset, size)
        return register.reader(self, index)

    def writer(self, offset: int, size: int) -> Callable[[int], None]:
        """Return the function that performs one write of the register here."""
        register, index = self._writable.get(offset, (None, 0))
        if register is None or register.width != size:
            return self.undefined_writer(offset, size)
        return register.writer(self, index)

    def register_name(self, offset: int, is_write: bool) -> str:
        """Return the declared name, the offset where nothing is declared."""
        register, index = (self._writable if is_write else self._readable).get(offset, (None, 0))
        return super().register_name(offset, is_write) if register is None else register.name_of(index)

    def reset(self) -> None:
        """Give all registers but the constant ones their value after power-on."""
        for register in self.variable_registers.values():
            register.initialise(self)

    def save(self) -> State:
        """Return the state with all registers but the constant ones."""
        values: dict[str, object] = {}
        for name in self.variable_registers:
            value = vars(self)[name]
            values[name] = list(value) if isinstance(value, list) else value
        return super().save() | {"registers": values}

    def capture(self) -> Callable[[], None]:
        """Return what gives all registers but the constant ones their present values again."""
        values = vars(self)
        single = {name: value for name in self.variable_registers if isinstance(value := values[name], int)}
        arrays = {name: tuple(values[name]) for name in self.variable_registers if name not in single}

        def revert() -> None:
            values.update(single)
            for name, saved in arrays.items():
                # The list stays the same: readers keep it.
                values[name][:] = saved

        return revert

    def load(self, state: Mapping[str, object]) -> None:
        """Continue from a saved state; ValueError also for unknown registers and values they cannot hold."""
        super().load(state)
        saved = state.get("registers")
        if not isinstance(saved, dict):
            raise ValueError(f"{self.name}: saved state: registers are missing")
        known = self.variable_registers
        for name in known.keys() - saved.keys():
            known[name].initialise(self)
        for name, value in saved.items():
            if name not in known or not known[name].restore(self, value):
                raise ValueError(f"{self.name}: saved state: register {name} is unknown or has a bad value")


def describe(device: type[RegisterDevice]) -> str:
    """Return the register map of a device class as a table in Markdown.

    An array shows how many registers it has, and how far apart they are in each dimension.
    """
    lines = ["| offset | name | width | access | reset | meaning |", "|---|---|---|---|---|---|"]
    for register in device.registers:
        offset, name = f"{register.offset:#04x}", register.name
        if isinstance(register, RegisterArray):
            strides = (
                f" + {index} * {stride:#x}"
                for index, (_, stride) in zip("ijk", register.dimensions, strict=False)
            )
            counts = " * ".join(str(count) for count, _ in register.dimensions)
            offset, name = f"{offset}{''.join(strides)}", f"{name}[{counts}]"
        fields = ", ".join(f"{field} {value:#x}" for field, value in register.field_names().items())
        meaning = f"{register.doc} {fields}." if fields else register.doc
        reset = "host" if register.constant else f"{register.reset:#x}"
        access = register.access.value
        cells = (offset, name, str(register.width), access, reset, meaning)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"

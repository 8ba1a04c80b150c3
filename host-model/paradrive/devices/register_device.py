# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices whose registers are declared: what the declarations of ``registers`` and ``buffers`` yield."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from paradrive.devices.buffers import Window
from paradrive.devices.byte_order import swapped, swapped_reader, swapped_writer
from paradrive.devices.device import Device, RegionKey
from paradrive.devices.fields import DeviceFields
from paradrive.devices.registers import RegisterDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.fields import FieldNames
    from paradrive.devices.interrupt import InterruptLine


#: Registers by region and offset: the declaration, which one it is of those declared together, and how far
#: behind its first byte the offset lies.
Places = dict[tuple[RegionKey, int], tuple[RegisterDeclaration, int, int]]


class RegisterDevice(Device):
    """A device whose registers are declared as class attributes."""

    #: The declarations by ascending offset, region by region; filled in for each class.
    registers: ClassVar[tuple[RegisterDeclaration, ...]] = ()
    #: The windows of bytes.
    windows: ClassVar[tuple[Window, ...]] = ()
    #: What can be read and what can be written, by how many registers the declarations stand for. Kept here
    #: and not in a cache of functions, which would keep classes alive that somebody has done away with.
    _by_offset: ClassVar[dict[tuple[tuple[int, ...], ...], tuple[Places, Places]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        registers = [one for one in cls.declarations.values() if isinstance(one, RegisterDeclaration)]
        cls.registers = tuple(sorted(registers, key=lambda register: (str(register.region), register.offset)))
        cls.windows = tuple(one for one in cls.declarations.values() if isinstance(one, Window))
        cls._by_offset = {}
        cls._refuse_overlapping_windows()
        if "regions" not in vars(cls):
            regions = [register.region for register in cls.registers]
            regions += [window.region for window in cls.windows]
            cls.regions = tuple(dict.fromkeys(regions)) or (0,)
            cls.needs_reg = bool(regions)

    def __init__(self, interrupt: InterruptLine | None = None) -> None:
        super().__init__(interrupt)
        counts = tuple(register.counts(self) for register in self.registers)
        if counts not in self._by_offset:
            self._by_offset[counts] = self._map(counts)
        self._readable, self._writable = self._by_offset[counts]

    @property
    def fields(self) -> DeviceFields:
        """The fields of registers, to read and to set by name: ``device.fields.CONTROL.MODE = 2``."""
        return DeviceFields(self)

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
                    for within in range(0, register.width, min(register.widths)):
                        place = register.region, offset + within
                        taken = places.setdefault(place, (register, index, within))[0]
                        if taken is not register:
                            both = f"{register.name} and {taken.name}"
                            raise TypeError(f"{cls.__name__}: {both} are both at {offset + within:#x}")
        for places in (readable, writable):
            spans = sorted(
                (str(region), offset, one)
                for (region, offset), (one, _, behind) in places.items()
                if not behind
            )
            for (region, offset, one), (other, start, following) in pairwise(spans):
                if region == other and start < offset + one.width:
                    both = f"{one.name} and {following.name}"
                    raise TypeError(f"{cls.__name__}: {both} are both at {start:#x}")
        return readable, writable

    @classmethod
    def _refuse_overlapping_windows(cls) -> None:
        spans = [(str(one.region), one.offset, one.offset + one.size, one.name) for one in cls.windows]
        for (region, _, end, name), (other, start, _, following) in pairwise(sorted(spans)):
            if region == other and start < end:
                raise TypeError(f"{cls.__name__}: {name} and {following} are both at {start:#x}")

    def reader(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[], int]:
        """Return the function that performs one read of the register here."""
        found = self._find(self._readable, offset, size, region)
        if found is None:
            window = self.window_at(offset, size, region)
            return (
                self.undefined_reader(offset, size) if window is None else window.reader(self, offset, size)
            )
        register, index, within = found
        read = register.reader(self, index, register.lane(within, size, self.byte_order))
        if register.reads_act:
            read = self.settling(read)
        return swapped_reader(read, size) if self.swaps else read

    def writer(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[int], None]:
        """Return the function that performs one write of the register here."""
        found = self._find(self._writable, offset, size, region)
        if found is None:
            window = self.window_at(offset, size, region)
            write = None if window is None else window.writer(self, offset, size)
            return self.undefined_writer(offset, size) if write is None else self.settling(write)
        register, index, within = found
        write = register.writer(self, index, register.lane(within, size, self.byte_order))
        if register.writes_act:
            write = self.settling(write)
        elif register.name in self._observed:
            write = self.settled(write)
        return swapped_writer(write, size) if self.swaps else write

    def _find(
        self, places: Places, offset: int, size: int, region: RegionKey
    ) -> tuple[RegisterDeclaration, int, int] | None:
        found = places.get((region, offset))
        if found is None:
            return None
        register, _, within = found
        # Naturally aligned: a part of two bytes begins at an even offset.
        return found if size in register.widths and not within % size else None

    def window_at(self, offset: int, size: int, region: RegionKey = 0) -> Window | None:
        """Return the window that holds all of an access, None where there is none."""
        return next((window for window in self.windows if window.holds(offset, size, region)), None)

    def register_at(self, offset: int, is_write: bool, region: RegionKey = 0) -> RegisterDeclaration | None:
        """Return the declaration of the register which an access reaches, None where nothing is declared."""
        found = (self._writable if is_write else self._readable).get((region, offset))
        return None if found is None else found[0]

    def fields_at(self, offset: int, size: int, is_write: bool, region: RegionKey = 0) -> FieldNames | None:
        """Return the declared names of the register, None for an access to a part of it."""
        found = self._find(self._writable if is_write else self._readable, offset, size, region)
        return found[0].fields if found is not None and found[0].width == size else None

    def as_read(self, offset: int, size: int, value: int, region: RegionKey = 0) -> int:
        """Return what a read of ``size`` bytes here would be on the bus if the register held ``value``."""
        found = self._find(self._readable, offset, size, region)
        if found is not None:
            register, _, within = found
            lane = register.lane(within, size, self.byte_order)
            value = value >> lane.shift
        value &= (1 << 8 * size) - 1
        return swapped(value, size) if self.swaps else value

    def register_name(self, offset: int, is_write: bool, region: RegionKey = 0) -> str:
        """Return the declared name, the offset where nothing is declared."""
        found = (self._writable if is_write else self._readable).get((region, offset))
        if found is None:
            window = self.window_at(offset, 1, region)
            within = "" if window is None else f"{window.name}+{offset - window.offset:#x}"
            return within or super().register_name(offset, is_write, region)
        register, index, behind = found
        return register.name_of(index) + (f"+{behind}" if behind else "")

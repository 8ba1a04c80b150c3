# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that answer wrongly, as hardware that is broken, gone or not what its driver takes it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.device import Device
from paradrive.devices.register_device import RegisterDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.device import RegionKey
    from paradrive.devices.fields import FieldNames


class BrokenDevice(Device):
    """Takes a device's place on the bus, and answers as the original does unless it was told otherwise."""

    def __init__(self, original: Device) -> None:
        super().__init__()
        self.name = original.name
        self.original = original
        self.is_gone = False
        self._answers: dict[str, int] = {}

    def answer(self, register: str, value: int) -> None:
        """Let reads of the register return the lower bits of ``value``; LookupError where there is none."""
        if isinstance(self.original, RegisterDevice) and register not in _readable(self.original):
            raise LookupError(f"{self.name} has no register {register!r} that can be read")
        self._answers[register] = value

    def reader(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[], int]:
        """Return the function that performs one read here, wrongly or as the original does."""
        original, read, ones = self.original, self.original.reader(offset, size, region), (1 << 8 * size) - 1

        def read_wrongly() -> int:
            if self.is_gone:
                return ones
            # The original is asked also for a read that it does not answer: some reads change a device.
            value = read()
            answer = self._answers.get(original.register_name(offset, False, region).partition("+")[0])
            return value if answer is None else self._as_read(offset, size, answer, region)

        return read_wrongly

    def _as_read(self, offset: int, size: int, value: int, region: RegionKey) -> int:
        if isinstance(self.original, RegisterDevice):
            return self.original.as_read(offset, size, value, region)
        return value & (1 << 8 * size) - 1

    def writer(self, offset: int, size: int, region: RegionKey = 0) -> Callable[[int], None]:
        """Return the function that performs one write here; one to a device that is gone is lost."""
        write = self.original.writer(offset, size, region)

        def write_unless_gone(value: int) -> None:
            if not self.is_gone:
                write(value)

        return write_unless_gone

    @property
    def swaps(self) -> bool:
        """Whether the original's values have the other byte order than the bus."""
        return self.original.swaps

    def fields_at(self, offset: int, size: int, is_write: bool, region: RegionKey = 0) -> FieldNames | None:
        """Return the original's names of bits or values."""
        return self.original.fields_at(offset, size, is_write, region)

    def register_name(self, offset: int, is_write: bool, region: RegionKey = 0) -> str:
        """Return the original's name of a register."""
        return self.original.register_name(offset, is_write, region)

    def reset(self) -> None:
        """Nothing: the machine resets the original."""


def _readable(device: RegisterDevice) -> set[str]:
    return {
        register.name_of(index)
        for register in device.registers
        if register.readable
        for _, index in register.places(register.counts(device))
    }

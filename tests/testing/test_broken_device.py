# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that answers wrongly does all else that the original does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, WO, Register, RegisterArray
from paradrive.testing.broken_device import BrokenDevice

if TYPE_CHECKING:
    from paradrive.devices.device import RegionKey


class Fifo(RegisterDevice):
    """A FIFO: to read DATA takes a byte out of it, to write OUT puts one in; BANK selects what is at 8."""

    DATA = Register(0, RO, "The oldest byte; reading takes it out.", width=1)
    OUT = Register(0, WO, "Puts a byte in.", width=1)
    LEVEL = Register(2, RO, "How many bytes there are.", width=2)
    BANK = Register(4, RW, "Selects.")
    FIRST = Register(8, RW, "In bank 0.")
    VALUES = RegisterArray(0x10, RW, "Some values.", dimensions=((2, 4),))

    @DATA.on_read
    def _take(self) -> int:
        self.LEVEL -= 1
        return 0x55

    @OUT.on_write
    def _put(self, value: int) -> None:
        self.LEVEL += 1

    def register_name(self, offset: int, is_write: bool, region: RegionKey = 0) -> str:
        return "SECOND" if offset == 8 and self.BANK else super().register_name(offset, is_write, region)


@pytest.fixture
def fifo() -> Fifo:
    fifo = Fifo()
    fifo.name = "fifo@0"
    fifo.LEVEL = 3
    return fifo


def test_a_read_that_is_answered_changes_the_device_all_the_same(fifo: Fifo) -> None:
    broken = BrokenDevice(fifo)
    broken.answer("DATA", 0x1AA)
    assert (broken.read(0, 1), fifo.LEVEL) == (0xAA, 2)
    broken.write(0, 1, 1)
    assert (broken.read(2, 2), fifo.LEVEL) == (3, 3)


def test_what_is_gone_reads_as_ones_of_each_size_and_does_nothing(fifo: Fifo) -> None:
    broken = BrokenDevice(fifo)
    broken.is_gone = True
    assert [broken.read(0, size) for size in (1, 2, 4, 8)] == [0xFF, 0xFFFF, 0xFFFFFFFF, (1 << 64) - 1]
    broken.write(0, 1, 1)
    assert fifo.LEVEL == 3
    assert not fifo.guest_errors.count


def test_it_is_called_what_the_original_is_called(fifo: Fifo) -> None:
    broken = BrokenDevice(fifo)
    assert broken.name == "fifo@0"
    assert (broken.register_name(0, True), broken.register_name(0, False)) == ("OUT", "DATA")


def test_an_answer_is_that_of_the_register_which_a_read_reaches(fifo: Fifo) -> None:
    broken = BrokenDevice(fifo)
    broken.answer("FIRST", 7)
    broken.answer("VALUES[1]", 8)
    read = broken.reader(8, 4)
    assert (read(), broken.read(0x10, 4), broken.read(0x14, 4)) == (7, 0, 8)
    broken.write(4, 4, 1)
    assert (read(), fifo.BANK) == (0, 1)


@pytest.mark.parametrize("register", ["OUT", "ABSENT", "VALUES", "VALUES[2]"])
def test_what_cannot_be_read_cannot_be_answered(fifo: Fifo, register: str) -> None:
    with pytest.raises(LookupError, match="fifo@0"):
        BrokenDevice(fifo).answer(register, 0)

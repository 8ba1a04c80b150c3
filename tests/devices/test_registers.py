# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.devices.description import describe
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, W1C, WO, Fields, Register, RegisterArray


class Bits(Fields):
    RX = 1 << 0
    TX = 1 << 1


class Example(RegisterDevice):
    ID = Register(0x00, RO, "Identification.", reset=0x1234, constant=True)
    CONTROL = Register(0x04, RW, "Control.", reset=0x10, fields=Bits)
    PARTIAL = Register(0x08, RW, "High half is fixed.", reset=0xABCD0000, writable=0xFFFF)
    EVENTS = Register(0x0C, W1C, "Events.", reset=0xF)
    START = Register(0x10, WO, "Starts.")
    BYTE = Register(0x14, RW, "A byte.", width=1)
    SQUARE = Register(0x18, RW, "Squares what is written.")
    QUEUES = RegisterArray(0x100, RW, "Queues.", dimensions=(("queues", 0x100), (2, 0x10)), reset=3)
    DOUBLES = RegisterArray(0x400, RW, "Doubles.", dimensions=((4, 4),))

    def __init__(self, queues: int = 3) -> None:
        self.queues = queues
        super().__init__()

    @SQUARE.on_write
    def _write_square(self, value: int) -> None:
        self.SQUARE = value * value & 0xFFFFFFFF

    @SQUARE.on_read
    def _read_square(self) -> int:
        return self.SQUARE + 1

    @DOUBLES.on_write
    def _write_double(self, index: int, value: int) -> None:
        self.DOUBLES[index] = 2 * value & 0xFFFFFFFF

    @DOUBLES.on_read
    def _read_double(self, index: int) -> int:
        return self.DOUBLES[index] + index


def test_plain_register_keeps_what_is_written() -> None:
    device = Example()
    assert device.read(4, 4) == 0x10
    device.write(4, 4, 0xDEADBEEF)
    assert device.read(4, 4) == device.CONTROL == 0xDEADBEEF


def test_callables_may_be_kept_across_reset_and_load() -> None:
    device = Example()
    read, write = device.reader(0x100, 4), device.writer(0x100, 4)
    state = device.save()
    write(9)
    device.reset()
    assert read() == 3
    write(8)
    device.load(state)
    assert read() == 3
    write(7)
    assert device.QUEUES[0] == read() == 7


def test_bits_that_are_not_writable_keep_their_reset_value() -> None:
    device = Example()
    device.write(8, 4, 0xFFFFFFFF)
    assert device.read(8, 4) == 0xABCDFFFF


def test_writing_ones_clears() -> None:
    device = Example()
    device.write(0xC, 4, 0b0101)
    assert device.read(0xC, 4) == 0b1010
    device.write(0xC, 4, 0)
    assert device.read(0xC, 4) == 0b1010


def test_hooks_take_the_place_of_storage() -> None:
    device = Example()
    device.write(0x18, 4, 5)
    assert device.read(0x18, 4) == 26
    device.write(0x408, 4, 21)
    assert device.read(0x408, 4) == 44


def test_subclass_may_override_a_hook() -> None:
    class Cube(Example):
        def _write_square(self, value: int) -> None:
            self.SQUARE = value**3

    cube = Cube()
    cube.write(0x18, 4, 3)
    assert cube.SQUARE == 27


class Negating(Example):
    """Hooks registers of its base: one that had no hooks, one of whose two it replaces, and an array."""

    @Example.CONTROL.on_write
    @Example.PARTIAL.on_write
    def _write_negated(self, value: int) -> None:
        self.CONTROL = ~value & 0xFFFFFFFF

    @Example.SQUARE.on_write
    def _write_as_it_is(self, value: int) -> None:
        self.SQUARE = value

    @Example.QUEUES.on_read
    def _read_queue(self, index: int) -> int:
        return 100 + index


def test_subclass_hooks_registers_of_its_base_for_itself_alone() -> None:
    for device, control, square, queue in ((Negating(), 0xFFFFFFFE, 6, 101), (Example(), 1, 26, 3)):
        device.write(4, 4, 1)
        device.write(0x18, 4, 5)
        assert [device.read(offset, 4) for offset in (4, 0x18, 0x110)] == [control, square, queue]
    device = Negating()
    device.write(8, 4, 2)
    assert (device.CONTROL, device.PARTIAL) == (0xFFFFFFFD, 0xABCD0000)


def test_what_a_subclass_hooks_is_saved_and_reset_as_in_its_base() -> None:
    device, other = Negating(), Negating()
    device.write(4, 4, 1)
    other.load(device.save())
    assert other.CONTROL == 0xFFFFFFFE
    other.reset()
    assert (other.CONTROL, other.QUEUES) == (0x10, [3] * 6)


def test_subclass_of_a_subclass_keeps_what_it_does_not_hook_itself() -> None:
    class Third(Negating):
        @Example.SQUARE.on_read
        def _read_square_anew(self) -> int:
            return self.SQUARE + 1000

    third = Third()
    third.write(0x18, 4, 5)
    assert third.read(0x18, 4) == 1005
    assert Negating().read(0x18, 4) == 1


def test_register_of_another_class_cannot_be_hooked() -> None:
    with pytest.raises(TypeError, match="CONTROL"):

        class Stranger(RegisterDevice):
            CONTROL = Register(0, RW, "A register that only has the same name.")

            @Example.CONTROL.on_write
            def _write(self, value: int) -> None:
                pass


def test_array_lies_where_its_dimensions_say() -> None:
    device = Example(queues=2)
    for index, offset in enumerate((0x100, 0x110, 0x200, 0x210)):
        device.write(offset, 4, index + 40)
        assert device.register_name(offset, True) == f"QUEUES[{index}]"
    assert device.QUEUES == [40, 41, 42, 43]
    assert device.read(0x300, 4) == 0
    assert device.guest_errors.count == 1


@pytest.mark.parametrize(
    ("offset", "size"),
    [(0x00, 2), (0x02, 2), (0x04, 1), (0x05, 4), (0x14, 4), (0x10, 4), (0x20, 4), (0x100, 8)],
)
def test_undefined_read_is_a_guest_error_and_reads_zero(offset: int, size: int) -> None:
    device = Example()
    assert device.read(offset, size) == 0
    (error,) = device.guest_errors.entries
    assert (error.device, error.offset, error.size, error.is_write) == ("example", offset, size, False)


@pytest.mark.parametrize(("offset", "size"), [(0x00, 4), (0x04, 2), (0x06, 4), (0x14, 2), (0x20, 4)])
def test_undefined_write_is_a_guest_error_and_changes_nothing(offset: int, size: int) -> None:
    device = Example()
    before = device.save()
    device.write(offset, size, 0xFF)
    assert device.save() == before
    assert device.read(0, 4) == 0x1234
    (error,) = device.guest_errors.entries
    assert (error.offset, error.size, error.is_write, error.value) == (offset, size, True, 0xFF)


def test_reset_restores_all_but_constants() -> None:
    device = Example()
    device.ID = 0x5678
    device.write(4, 4, 1)
    device.write(0x400, 4, 1)
    device.reset()
    assert (device.ID, device.CONTROL, device.DOUBLES) == (0x5678, 0x10, [0, 0, 0, 0])


def test_two_registers_in_one_place_are_refused() -> None:
    class Twice(RegisterDevice):
        A = Register(0, RW, "A.")
        B = Register(0, RO, "B.")

    with pytest.raises(TypeError, match=r"A|B"):
        Twice()


def test_read_only_and_write_only_registers_share_a_place() -> None:
    class Shared(RegisterDevice):
        OUT = Register(0, WO, "Out.")
        IN = Register(0, RO, "In.", reset=5)

    device = Shared()
    device.write(0, 4, 9)
    assert (device.read(0, 4), device.OUT) == (5, 9)
    assert (device.register_name(0, True), device.register_name(0, False)) == ("OUT", "IN")


def test_saved_state_survives_json() -> None:
    device, other = Example(), Example()
    device.write(0x04, 4, 77)
    device.write(0x110, 4, 88)
    other.load(json.loads(json.dumps(device.save())))
    assert (other.CONTROL, other.QUEUES) == (77, [3, 88, 3, 3, 3, 3])


def test_saved_state_does_not_change_afterwards() -> None:
    device = Example()
    state = device.save()
    device.write(0x100, 4, 88)
    device.load(state)
    assert device.QUEUES[0] == 3


class Newer(Example):
    state_version: ClassVar[int] = 2
    ADDED = Register(0x500, RW, "New in version 2.", reset=6)


def test_newer_model_loads_older_state_with_reset_values_for_what_is_new() -> None:
    older, newer = Example(), Newer()
    older.write(4, 4, 77)
    newer.write(0x500, 4, 1)
    newer.load(older.save())
    assert (newer.CONTROL, newer.ADDED) == (77, 6)


def test_older_model_refuses_newer_state() -> None:
    device = Example()
    with pytest.raises(ValueError, match=r"example.*version 2"):
        device.load(Newer().save())


@pytest.mark.parametrize(
    "registers",
    [
        None,
        [],
        {"NONE": 0},
        {"ID": 1},
        {"CONTROL": "1"},
        {"CONTROL": -1},
        {"CONTROL": 1 << 32},
        {"BYTE": 256},
        {"QUEUES": [1]},
        {"QUEUES": 1},
        {"QUEUES": [1, 2, 3, 4, 5, "6"]},
        {"QUEUES": [1, 2, 3, 4, 5, 1 << 32]},
    ],
)
def test_malformed_state_is_refused(registers: object) -> None:
    with pytest.raises(ValueError, match="example"):
        Example().load({"version": 1, "registers": registers})


@pytest.mark.parametrize("version", [None, "1", 0, -1])
def test_state_without_a_valid_version_is_refused(version: object) -> None:
    with pytest.raises(ValueError):
        Example().load({"version": version, "registers": {}})


def test_description_has_a_row_for_each_register_with_its_fields() -> None:
    table = describe(Example).splitlines()
    assert len(table) == 2 + len(Example.registers)
    assert "| 0x04 | CONTROL | 4 | RW | 0x10 | Control. RX 0x1, TX 0x2. |" in table
    assert "| 0x00 | ID | 4 | RO | host | Identification. |" in table
    assert "| 0x100 + i * 0x100 + j * 0x10 | QUEUES[queues * 2] | 4 | RW | 0x3 | Queues. |" in table


@given(st.integers(0, 0x600), st.sampled_from([0, 1, 2, 3, 4, 8, 16]), st.integers(0, (1 << 64) - 1))
def test_no_access_raises(offset: int, size: int, value: int) -> None:
    device = Example()
    device.write(offset, size, value)
    assert 0 <= device.read(offset, size) <= 1 << 32
    device.load(device.save())


class Sticky(RegisterDevice):
    EVENTS = Register(0, W1C, "Events, of which the host clears the upper half.", reset=0xFFFF, writable=0xFF)


def test_ones_clear_only_what_can_be_written() -> None:
    device = Sticky()
    device.write(0, 4, 0xFFFF_FFFF)
    assert device.EVENTS == 0xFF00

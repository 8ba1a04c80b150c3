# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import ctypes

import pytest

from paradrive.devices.ram import Ram


def test_contents_start_as_zeros_and_are_writable() -> None:
    ram = Ram(0x1000, 0x2000)
    assert bytes(ram.contents) == bytes(0x2000)
    ram.contents[5] = 7
    assert ram.contents[5] == 7


def test_host_address_is_where_the_view_lies() -> None:
    ram = Ram(0, 0x1000)
    ram.contents[0x10:0x14] = b"boot"
    assert ctypes.string_at(ram.host_address + 0x10, 4) == b"boot"


@pytest.mark.parametrize(
    ("base", "size"), [(0, 0), (0, 0x1001), (0x800, 0x1000), (-0x1000, 0x1000), (0, -0x1000)]
)
def test_block_that_is_not_whole_pages_is_refused(base: int, size: int) -> None:
    with pytest.raises(ValueError):
        Ram(base, size)


@pytest.mark.parametrize("size", [1 << 62, 1 << 70])
def test_block_larger_than_the_host_can_reserve_is_refused(size: int) -> None:
    with pytest.raises(ValueError):
        Ram(0, size)

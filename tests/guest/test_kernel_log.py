# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log as it lies in RAM, where the kernel's symbols say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.guest.kernel_log import log_buffer, read_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KERNEL = """
    b .
    .globl __log_buf ; .type __log_buf, @object ; .size __log_buf, 64
    .set __log_buf, 0xc0000100
"""


def test_the_log_is_where_the_kernels_symbol_says(assemble: Callable[[str], Path]) -> None:
    buffer = log_buffer(assemble(KERNEL).read_bytes())
    assert buffer == (0x100, 64)
    ram = bytearray(0x1000)
    ram[0x100:0x140] = b"\x01\x02first\0\0ab\0second line\xff".ljust(64, b"\0")
    ram[0x140:0x148] = b"behind it"[:8]
    memory: Any = SimpleNamespace(read=lambda address, size: bytes(ram[address : address + size]))
    assert read_log(memory, buffer) == "first\nsecond line"


def test_a_kernel_without_the_symbol_has_no_log_to_read(assemble: Callable[[str], Path]) -> None:
    with pytest.raises(LookupError, match="__log_buf"):
        log_buffer(assemble("b .").read_bytes())

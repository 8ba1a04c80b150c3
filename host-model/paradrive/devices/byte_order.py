# SPDX-License-Identifier: GPL-2.0-or-later
"""Little-endian registers on a big-endian bus."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CODES = {2: "H", 4: "I", 8: "Q"}
_PACK = {size: Struct(f">{code}").pack for size, code in _CODES.items()}
_UNPACK = {size: Struct(f"<{code}").unpack for size, code in _CODES.items()}


def swapped(value: int, size: int) -> int:
    """Return the number whose ``size`` bytes are those of ``value`` in the other order."""
    if size == 1:
        return value
    result: int = _UNPACK[size](_PACK[size](value))[0]
    return result


def swapped_reader(read: Callable[[], int], size: int) -> Callable[[], int]:
    """Return a reader of the same value as it is on the bus."""
    if size == 1:
        return read
    pack, unpack = _PACK[size], _UNPACK[size]

    def read_swapped() -> int:
        value: int = unpack(pack(read()))[0]
        return value

    return read_swapped


def swapped_writer(write: Callable[[int], None], size: int) -> Callable[[int], None]:
    """Return a writer that gets the value as it is on the bus."""
    if size == 1:
        return write
    pack, unpack = _PACK[size], _UNPACK[size]
    return lambda value: write(unpack(pack(value))[0])

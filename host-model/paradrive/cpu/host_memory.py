# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of this process that compiled code works on."""

from __future__ import annotations

import contextlib
import ctypes
import mmap


def reserve(size: int, *, sparse: bool = False) -> tuple[mmap.mmap, int]:
    """Return ``size`` bytes of zeros and their address; the host provides them when they are touched.

    A boot touches thousands of pages one after the other: huge ones make fewer faults. Where only ``sparse``
    ones will be touched, small ones take less memory. Raises OSError or OverflowError where the host cannot
    reserve so much.
    """
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advice = getattr(mmap, "MADV_NOHUGEPAGE" if sparse else "MADV_HUGEPAGE", None)
    if advice is not None:
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(advice)
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))

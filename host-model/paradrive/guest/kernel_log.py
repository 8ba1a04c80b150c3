# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log, read from its RAM: it is there even where no console is.

Source: Linux 6.12, kernel/printk/printk_ringbuffer.c: the texts lie one after the other in the data ring. How
long each is its descriptor says, elsewhere; after it there may be what is left of a longer one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.elf_file import ElfFile

if TYPE_CHECKING:
    from paradrive.guest.memory import GuestMemory

#: The data ring, with CONFIG_LOG_BUF_SHIFT for its size.
_SYMBOL = "__log_buf"
#: Where the kernel maps the first RAM (CONFIG_KERNEL_START).
_KERNEL_START = 0xC000_0000
_TEXT = re.compile(rb"[\x20-\x7e]{4,}")


class LogBuffer(NamedTuple):
    """Where a kernel keeps its log: a physical address, and a size in bytes."""

    address: int
    size: int


def log_buffer(kernel: bytes) -> LogBuffer:
    """Return where the kernel of an ELF file keeps its log; LookupError where its symbols do not tell."""
    file = ElfFile(kernel, "kernel")
    entries = [(value, size, name) for name, value, size, _, _ in file.symbol_entries()]
    names = file.names(name for _, _, name in entries)
    for name, (value, size, _) in zip(names, entries, strict=True):
        if name == _SYMBOL:
            return LogBuffer(value - _KERNEL_START, size)
    raise LookupError(f"the kernel has no symbol {_SYMBOL}")


def read_log(memory: GuestMemory, buffer: LogBuffer) -> str:
    """Return the texts of the log, a line each, with what is left after them; the last may come first."""
    texts = _TEXT.findall(memory.read(buffer.address, buffer.size))
    return "\n".join(text.decode("ascii") for text in texts)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log, read from its RAM: it is there even where no console is.

Source: Linux 6.12, kernel/printk/printk_ringbuffer.c: the texts lie one after the other in the data ring. How
long each is its descriptor says, elsewhere; after it there may be what is left of a longer one.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

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
    for table in ELFFile(io.BytesIO(kernel)).iter_sections("SHT_SYMTAB"):
        if isinstance(table, SymbolTableSection):
            for symbol in table.get_symbol_by_name(_SYMBOL) or ():
                return LogBuffer(symbol["st_value"] - _KERNEL_START, symbol["st_size"])
    raise LookupError(f"the kernel has no symbol {_SYMBOL}")


def read_log(memory: GuestMemory, buffer: LogBuffer) -> str:
    """Return the texts of the log, a line each, with what is left after them; the last may come first."""
    texts = _TEXT.findall(memory.read(buffer.address, buffer.size))
    return "\n".join(text.decode("ascii") for text in texts)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Fault injection: functions of the kernel that fail, besides devices that do."""

from __future__ import annotations

import abc
import enum
import errno
from typing import TYPE_CHECKING

from paradrive.testing.device_faults import DeviceFaults

if TYPE_CHECKING:
    from paradrive.cpu.vcpu import Vcpu

#: Error numbers end here (include/linux/err.h: MAX_ERRNO).
_MAX_ERRNO = 4095
_WORD = 0xFFFF_FFFF


class Returns(enum.Enum):
    """What a function returns when it fails; include/asm-generic/error-injection.h knows the same kinds."""

    #: The negative error number, as an integer or as an error pointer, ERR_PTR(): the word is the same.
    ERRNO = enum.auto()
    #: NULL, or false.
    NULL = enum.auto()


#: Functions of the kernel that return NULL when they fail.
NULL_ON_FAILURE = frozenset(
    (
        # include/linux/slab.h
        "__kmalloc_noprof",
        "__kmalloc_cache_noprof",
        "__kmalloc_cache_node_noprof",
        "__kmalloc_large_noprof",
        "__kmalloc_node_noprof",
        "__kmalloc_node_track_caller_noprof",
        "__kvmalloc_node_noprof",
        "kmem_cache_alloc_noprof",
        "kmem_cache_alloc_lru_noprof",
        "kmem_cache_alloc_node_noprof",
        "krealloc_noprof",
        # include/linux/string.h, include/linux/sprintf.h
        "kasprintf",
        "kmemdup_noprof",
        "kstrdup",
        "kstrdup_const",
        "kvasprintf",
        # include/linux/gfp.h, include/linux/vmalloc.h
        "__alloc_pages_noprof",
        "get_zeroed_page_noprof",
        "vmalloc_noprof",
        "vzalloc_noprof",
        # include/linux/device.h, include/linux/device/devres.h
        "__devres_alloc_node",
        "devm_kasprintf",
        "devm_kmalloc",
        "devm_kmemdup",
        "devm_kstrdup",
        # include/linux/io.h, include/linux/ioport.h, include/linux/of_address.h
        "__devm_request_region",
        "__ioremap_caller",
        "__request_region",
        "devm_ioremap",
        "ioremap",
        "ioremap_prot",
        "ioremap_wc",
        "memremap",
        "of_iomap",
    )
)


class FunctionFault:
    """A function of the guest of which one call fails, the one numbered ``call`` from now.

    ``calls`` counts its calls up to that one, by whichever task of the guest. After it, the guest is as fast
    as without a breakpoint.
    """

    def __init__(self, vcpu: Vcpu, address: int, call: int, returned: int) -> None:
        self.call = call
        self.calls = 0
        self._vcpu = vcpu
        self._address = address
        self._returned = returned
        vcpu.set_breakpoint(address, self._reach)

    @property
    def failed(self) -> bool:
        """Whether the call has been made, and so has failed."""
        return self.calls == self.call

    def _reach(self) -> None:
        """Count a call, and let it return at once if it is the one: its first instruction comes next."""
        self.calls += 1
        if self.failed:
            state = self._vcpu.state
            # System V ABI, PowerPC Processor Supplement, "Function Calling Sequence".
            state.gpr[3] = self._returned
            state.pc = state.lr & ~3
            self._vcpu.remove_breakpoint(self._address, self._reach)


class FaultInjection(DeviceFaults, abc.ABC):
    """A guest in which functions and devices can be made to fail, until it is restored."""

    @abc.abstractmethod
    def symbol(self, name: str) -> int:
        """Return the effective address of a function; LookupError unless exactly one has this name."""

    def fail(
        self, function: str, error: int = errno.ENOMEM, *, call: int = 1, returns: Returns | None = None
    ) -> FunctionFault:
        """Let a call of a function of the kernel or of a module fail: it returns at once, with ``error``.

        ``call`` is 1 for the next call, 2 for the one after it. What the function returns is -``error``, as
        an integer or an error pointer; NULL, whatever ``error`` is, if it is one of `NULL_ON_FAILURE` or
        ``returns`` says so. Raises LookupError unless exactly one function has this name, ValueError for an
        ``error`` or a ``call`` that cannot be.
        """
        if not 1 <= error <= _MAX_ERRNO:
            raise ValueError(f"{error} is no error number: they are 1 to {_MAX_ERRNO}")
        if call < 1:
            raise ValueError(f"there is no call {call}: the next one is 1")
        if returns is None:
            returns = Returns.NULL if function in NULL_ON_FAILURE else Returns.ERRNO
        returned = 0 if returns is Returns.NULL else -error & _WORD
        return FunctionFault(self.machine.vcpu, self.symbol(function), call, returned)

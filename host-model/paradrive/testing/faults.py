# SPDX-License-Identifier: GPL-2.0-or-later
"""Fault injection: kernel functions that fail, and devices that answer wrongly."""

from __future__ import annotations

import abc
import enum
import errno
from typing import TYPE_CHECKING

from paradrive.devices.mpic import Mpic
from paradrive.devicetree.linux_interrupts import Specifier, find_interrupt
from paradrive.testing.broken_device import BrokenDevice
from paradrive.testing.view import MachineView

if TYPE_CHECKING:
    from paradrive.cpu.vcpu import Vcpu
    from paradrive.devices.device import Device
    from paradrive.devices.interrupt import InterruptLine
    from paradrive.devicetree.node import DeviceTree

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


class FaultInjection(MachineView, abc.ABC):
    """A guest in which functions can be made to fail and devices to answer wrongly, until it is restored."""

    tree: DeviceTree

    def __init__(self) -> None:
        self._broken: list[BrokenDevice] = []
        self._held_lines: dict[int, InterruptLine] = {}

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

    def answer(self, device: Device, register: str, value: int) -> None:
        """Let the guest read ``value`` from a register, named as in traces: its name, or NAME[index].

        LookupError where the device has no such register. Writes still reach the device.
        """
        self._break(device).answer(register, value)

    def answer_all_ones(self, device: Device) -> None:
        """Let the guest read all ones from everywhere in the device, and lose its writes: it is gone."""
        self._break(device).is_gone = True

    def hold_interrupt(self, device: Device) -> InterruptLine:
        """Assert the first interrupt of a device's node, whatever the device does.

        The line that is returned can be let go: ``line.set(False)``. LookupError where the node has none.
        """
        path = self._path(device)
        node = self.tree.find(path)
        found = find_interrupt(node) if node is not None else None
        if not isinstance(found, Specifier) or not found.cells:
            raise LookupError(f"{path} has no interrupt")
        number = found.cells[0]
        if number not in self._held_lines:
            self._held_lines[number] = self.device(Mpic).source(number)
        self._held_lines[number].set(True)
        return self._held_lines[number]

    def _path(self, device: Device) -> str:
        """Return the path of a device's node; LookupError for a device of another machine."""
        for path, other in self.machine.devices.items():
            if other is device:
                return path
        raise LookupError(f"{device.name} is no device of this machine")

    def _break(self, device: Device) -> BrokenDevice:
        """Return what answers in the place of a device from now on."""
        self._path(device)
        for broken in self._broken:
            if broken.original is device:
                return broken
        self._broken.append(BrokenDevice(device))
        self.machine.bus.replace(device, self._broken[-1])
        return self._broken[-1]

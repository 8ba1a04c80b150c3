# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel really makes of a device tree: boots it on the model, and reads what the guest reports.

The words for what becomes of a node are those of the ``Kernel:`` lines in dts/variants.
"""

from __future__ import annotations

import errno
import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.console import PANIC, Console
from paradrive.guest.kernel_log import log_buffer, read_log
from paradrive.guest.memory import GuestMemory
from paradrive.guest.symbols import Symbols
from paradrive.machine.boot import Initrd
from paradrive.machine.devicetree import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import NoProgress, Outcome, Panicked, ResetLimit
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.lint.linux.outcome import BOUND, NOT_POPULATED, OTHER_DRIVER, probe_fails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.guest.kernel_log import LogBuffer
    from paradrive_tools.guest_build import GuestFiles

#: The kernel has made a device of the node, and no driver has bound to it.
NO_DRIVER = "no driver"

DRIVER = "pvctl"
#: Four boots, in instructions.
BUDGET = 40_000_000
_REPORT = "/bin/report_devices"
#: Where a guest ends that cannot say so to its machine: there may be no pvctl.
_ENDS = ("machine_halt", "machine_power_off", "machine_restart")
_LONGEST_MESSAGE = 80
_END = "devices: end;"
_DEVICE = re.compile(
    r"device: (?P<path>/[^;]*) [^ ;]+ (?:driver (?P<driver>[^ ;]+)|probe -(?P<errno>\d+)|no driver);"
)
#: The names of errnos as the kernel has them. Writing to a driver's "bind" returns EAGAIN for EPROBE_DEFER,
#: which user space does not know (drivers/base/dd.c, device_driver_attach).
_ERRNO_NAMES = {**errno.errorcode, errno.EAGAIN: "EPROBE_DEFER", errno.EOPNOTSUPP: "EOPNOTSUPP"}


class Observation(NamedTuple):
    """What the kernel made of a tree.

    ``devices`` tells for each node that became a platform device what became of it, by its path; it is
    empty where the kernel did not come so far, and ``failure`` says why then. ``log`` is the kernel's log.
    """

    devices: Mapping[str, str]
    failure: str | None
    log: str

    def outcome(self, path: str) -> str:
        """Return what became of the node with this path."""
        return self.devices.get(path, NOT_POPULATED)


def observe(blob: bytes, cpu: str = "e500v2", machine: str = "ppce500") -> Observation:
    """Boot the guest with this tree, for ``BUDGET`` instructions, and return what its kernel made of it.

    Raises InputError when no machine can be made of the tree, BuildError when the guest cannot be built.
    """
    kernel = _kernel(cpu)
    console = Console()
    guest = Machine(_configuration(DeviceTree(blob, "the tree"), cpu, machine), console.transmit)
    memory = GuestMemory(guest)
    panics: list[str] = []

    def panicked() -> None:
        panics.append(f"{PANIC}: {_string(memory, guest.vcpu.state.gpr[3])}")
        guest.interrupt()

    guest.vcpu.set_breakpoint(kernel.panic, panicked)
    for end in kernel.ends:
        guest.vcpu.set_breakpoint(end, guest.interrupt)
    outcome = guest.run(BUDGET, reset_limit=0)
    log = read_log(memory, kernel.log)
    guest.destroy()
    if _END in log:
        return Observation(MappingProxyType(_devices(log)), None, log)
    return Observation(MappingProxyType({}), panics[0] if panics else _failure(outcome), log)


class _Kernel(NamedTuple):
    """Where to look in a kernel, by addresses: its log, where it panics, and where it comes to an end."""

    log: LogBuffer
    panic: int
    ends: tuple[int, ...]


@cache
def _kernel(cpu: str) -> _Kernel:
    elf = _guest(cpu).kernel.read_bytes()
    symbols = Symbols.read(elf)
    return _Kernel(log_buffer(elf), symbols.address("panic"), tuple(map(symbols.address, _ENDS)))


def _string(memory: GuestMemory, address: int) -> str:
    """Return the text that the kernel has at an effective address."""
    physical = memory.physical(address)
    text = b"" if physical is None else memory.read(physical, _LONGEST_MESSAGE)
    return text.partition(b"\0")[0].decode("ascii", "replace")


def _configuration(tree: DeviceTree, cpu: str, machine: str) -> Configuration:
    guest = _guest(cpu)
    return Configuration(
        tree=tree,
        kernel=load_kernel(str(guest.kernel)),
        initrd=Initrd(str(guest.initrd), guest.initrd.read_bytes()),
        machine=machine,
        cpu=cpu,
        command_line=f"quiet printk.devkmsg=on act=poweroff run={_REPORT}",
    )


@cache
def _guest(cpu: str) -> GuestFiles:
    return ensure_guest(cpu)


def _devices(log: str) -> dict[str, str]:
    """Return what report_devices.c has told, by the paths of nodes."""
    reports = _DEVICE.finditer(log)
    return {report["path"]: _outcome(report) for report in reports}


def _outcome(report: re.Match[str]) -> str:
    if report["errno"]:
        return probe_fails(_errno_name(int(report["errno"])))
    if report["driver"]:
        return BOUND if report["driver"] == DRIVER else OTHER_DRIVER
    return NO_DRIVER


def _errno_name(number: int) -> str:
    return _ERRNO_NAMES.get(number, str(number))


def _failure(outcome: Outcome) -> str:
    """Say why a guest has reported nothing."""
    match outcome:
        case NoProgress(reason=reason):
            return reason
        case ResetLimit():
            return "it has reset itself"
        case Panicked(message=message):
            return message
        case _:
            return "it has ended without a word about its devices"

# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel really makes of a device tree: boots it on the model, and reads what the guest reports.

The words for what becomes of a node are those of the ``Kernel:`` lines in dts/variants.
"""

from __future__ import annotations

import errno
import re
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.pvctl import Pvctl
from paradrive.devicetree.node import DeviceTree
from paradrive.guest.console import PANIC, Console
from paradrive.guest.kernel_log import log_buffer, read_log
from paradrive.guest.memory import GuestMemory
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import NoProgress, Outcome, Panicked, ResetLimit
from paradrive_tools.guest_build import ensure_guest
from paradrive_tools.lint.linux.outcome import BOUND, NOT_POPULATED, OTHER_DRIVER, probe_fails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.guest.kernel_log import LogBuffer
    from paradrive.machine.elf_kernel import Kernel
    from paradrive_tools.guest_build import GuestFiles

#: The kernel has made a device of the node, and no driver has bound to it.
NO_DRIVER = "no driver"

DRIVER = "pvctl"
#: Two boots, in instructions.
BUDGET = 24_000_000
#: Some 20 KiB each.
OBSERVATIONS_KEPT = 512
#: How often to look whether the guest has said all: one that has panicked, or cannot power off, never ends.
_SLICE = 2_000_000
_REPORT = "/bin/report_devices"
_END = "devices: end;"
_DEVICE = re.compile(
    r"device: (?P<path>/[^;]*) (?P<device>[^ ;]+) "
    r"(?:driver (?P<driver>[^ ;]+)(?: features (?P<features>0x[0-9a-f]+))?|probe -(?P<errno>\d+)|no driver);"
)
#: The names of errnos as the kernel has them. Writing to a driver's "bind" returns EAGAIN for EPROBE_DEFER,
#: which user space does not know (drivers/base/dd.c, device_driver_attach).
_ERRNO_NAMES = {**errno.errorcode, errno.EAGAIN: "EPROBE_DEFER", errno.EOPNOTSUPP: "EOPNOTSUPP"}


class Observation(NamedTuple):
    """What the kernel made of a tree.

    ``devices`` tells for each node that became a platform device what became of it, by its path; it is
    empty where the kernel did not come so far, and ``failure`` says why then. ``log`` is the kernel's log,
    and ``features`` what the driver has enabled (ENABLE of pvctl), of the nodes that it has bound to.
    ``connected`` are the paths of the devices of whose interrupt line the machine has found the other end.
    """

    devices: Mapping[str, str]
    failure: str | None
    log: str
    features: Mapping[str, int] = MappingProxyType({})
    connected: frozenset[str] = frozenset()

    def outcome(self, path: str) -> str:
        """Return what became of the node with this path."""
        return self.devices.get(path, NOT_POPULATED)


@lru_cache(maxsize=OBSERVATIONS_KEPT)
def observe(blob: bytes, cpu: str = "e500v2", machine: str = "ppce500") -> Observation:
    """Boot the guest with this tree, for ``BUDGET`` instructions, and return what its kernel made of it.

    Two boots of one tree are identical to the bit, and Hypothesis draws many a tree twice: it is booted once.
    Raises InputError when no machine can be made of the tree, BuildError when the guest cannot be built.
    """
    guest = Machine(_configuration(DeviceTree(blob, "the tree"), cpu, machine), Console().transmit)
    memory, buffer = GuestMemory(guest), _log_buffer(cpu)
    for _ in range(BUDGET // _SLICE):
        outcome = guest.run(_SLICE, reset_limit=0)
        log = read_log(memory, buffer)
        if _END in log or PANIC in log or not isinstance(outcome, NoProgress):
            break
    connected = frozenset(
        path for path, device in guest.devices.items() if isinstance(device, Pvctl) and device.irq.sink
    )
    guest.destroy()
    if _END in log:
        devices, features = MappingProxyType(_devices(log)), MappingProxyType(_features(log))
        return Observation(devices, None, log, features, connected)
    return Observation(MappingProxyType({}), _failure(log, outcome), log)


@cache
def _log_buffer(cpu: str) -> LogBuffer:
    return log_buffer(_guest(cpu).kernel.read_bytes())


@cache
def _images(cpu: str) -> tuple[Kernel, Initrd]:
    guest = _guest(cpu)
    return load_kernel(str(guest.kernel)), Initrd(str(guest.initrd), guest.initrd.read_bytes())


def _configuration(tree: DeviceTree, cpu: str, machine: str) -> Configuration:
    kernel, initrd = _images(cpu)
    return Configuration(
        tree=tree,
        kernel=kernel,
        initrd=initrd,
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


def _features(log: str) -> dict[str, int]:
    """Return what the driver has enabled, by the paths of nodes."""
    reports = _DEVICE.finditer(log)
    return {report["path"]: int(report["features"], 16) for report in reports if report["features"]}


def _outcome(report: re.Match[str]) -> str:
    if report["errno"]:
        return probe_fails(_errno_name(int(report["errno"])))
    if report["driver"]:
        return BOUND if report["driver"] == DRIVER else OTHER_DRIVER
    return NO_DRIVER


def _errno_name(number: int) -> str:
    return _ERRNO_NAMES.get(number, str(number))


def _failure(log: str, outcome: Outcome) -> str:
    """Say why a guest has reported nothing."""
    panic = next((line[line.index(PANIC) :] for line in log.splitlines() if PANIC in line), None)
    if panic is not None:
        return panic
    match outcome:
        case NoProgress():
            return f"it has come to no end in {BUDGET} instructions"
        case ResetLimit():
            return "it has reset itself"
        case Panicked(message=message):
            return message
        case _:
            return "it has ended without a word about its devices"

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
from paradrive.machine.boot import Initrd
from paradrive.machine.devicetree import DeviceTree
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import NoProgress, Outcome, Panicked, ResetLimit
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive_tools.guest_build import GuestFiles

#: pvctl has bound to the node's device.
BOUND = "bound"
#: The node's device has a driver, but not pvctl.
OTHER_DRIVER = "other driver"
#: The kernel has made a device of the node, and no driver is for it.
NO_DRIVER = "no driver"
#: The kernel has not made a device of the node.
NOT_POPULATED = "not populated"

DRIVER = "pvctl"
#: Five boots, in instructions.
BUDGET = 60_000_000
_REPORT = "/bin/report_devices"
_END = "devices: end"
_DEVICE = re.compile(r"device: (?P<path>/.*) \S+ (?:driver (?P<driver>\S+)|probe -(?P<errno>\d+)|no driver)")
#: What writing to a driver's "bind" returns for EPROBE_DEFER, which is no errno of user space
#: (drivers/base/dd.c, device_driver_attach).
_DEFERRED = errno.EAGAIN


class Observation(NamedTuple):
    """What the kernel made of a tree.

    ``devices`` tells for each node that became a platform device what became of it, by its path; it is
    empty where the kernel did not come so far, and ``failure`` says why then. ``console`` is what the
    guest has printed.
    """

    devices: Mapping[str, str]
    failure: str | None
    console: str

    def outcome(self, path: str) -> str:
        """Return what became of the node with this path."""
        return self.devices.get(path, NOT_POPULATED)


def probe_fails(name: str) -> str:
    """Return the words for a probe of pvctl that returns this errno ("EBUSY")."""
    return f"probe fails with -{name}"


def observe(blob: bytes, cpu: str = "e500v2", machine: str = "ppce500") -> Observation:
    """Boot the guest with this tree, for ``BUDGET`` instructions, and return what its kernel made of it.

    Raises InputError when no machine can be made of the tree, BuildError when the guest cannot be built.
    """
    console = Console()
    guest = Machine(_configuration(DeviceTree(blob, "the tree"), cpu, machine), console.transmit)
    panics: list[str] = []

    def panicked(line: str) -> None:
        panics.append(line[line.index(PANIC) :])
        guest.interrupt()

    console.watch(PANIC, panicked)
    # Whether the guest can power off, once it has nothing more to say, is not what is asked here.
    console.watch(_END, lambda line: guest.interrupt())
    outcome = guest.run(BUDGET, reset_limit=0)
    guest.destroy()
    output = console.output.decode("ascii", "replace")
    if _END in output:
        return Observation(MappingProxyType(_devices(output)), None, output)
    return Observation(MappingProxyType({}), panics[0] if panics else _failure(outcome), output)


def _configuration(tree: DeviceTree, cpu: str, machine: str) -> Configuration:
    guest = _guest(cpu)
    return Configuration(
        tree=tree,
        kernel=load_kernel(str(guest.kernel)),
        initrd=Initrd(str(guest.initrd), guest.initrd.read_bytes()),
        machine=machine,
        cpu=cpu,
        command_line=f"quiet act=poweroff run={_REPORT}",
    )


@cache
def _guest(cpu: str) -> GuestFiles:
    return ensure_guest(cpu)


def _devices(console: str) -> dict[str, str]:
    """Return what report_devices.c has told, by the paths of nodes."""
    reports = (_DEVICE.fullmatch(line) for line in console.splitlines())
    return {report["path"]: _outcome(report) for report in reports if report}


def _outcome(report: re.Match[str]) -> str:
    if report["errno"]:
        number = int(report["errno"])
        return probe_fails(
            "EPROBE_DEFER" if number == _DEFERRED else errno.errorcode.get(number, str(number))
        )
    if report["driver"]:
        return BOUND if report["driver"] == DRIVER else OTHER_DRIVER
    return NO_DRIVER


def _errno_name(number: int) -> str:
    return "EPROBE_DEFER" if number == _DEFERRED else errno.errorcode.get(number, str(number))


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

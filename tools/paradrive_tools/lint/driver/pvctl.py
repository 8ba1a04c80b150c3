# SPDX-License-Identifier: GPL-2.0-or-later
"""What the driver does with a device: guest-driver/pvctl.c, step by step, for a prediction of its probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.pvctl import IDENTIFICATION, Feature, Pvctl
from paradrive.devicetree.linux_address import resources
from paradrive.devicetree.linux_interrupts import NoInterrupt
from paradrive_tools.lint.linux import dma
from paradrive_tools.lint.linux.interrupts import Interrupt
from paradrive_tools.lint.linux.outcome import BOUND, probe_fails

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paradrive.devicetree.linux_address import Resource
    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive_tools.lint.driver.hardware import Hardware
    from paradrive_tools.lint.linux.interrupts import Mappings
    from paradrive_tools.lint.linux.resources import Claims
    from paradrive_tools.lint.linux.suppliers import Suppliers

COMPATIBLE = Pvctl.compatible
MAJOR = 1
#: Up to the end of the last register, in bytes.
REGISTERS_SIZE = max(register.offset for register in Pvctl.registers) + 4
DEFAULT_PRIORITY, MAX_PRIORITY = 192, 255
#: SYS_OFF_PRIO_DEFAULT: any number of handlers may have this one.
SHARED_PRIORITY = 0
#: The restart handler of the SoC's global utilities (arch/powerpc/sysdev/fsl_soc.c, setup_rstcr).
GUTS_PRIORITY = 128
#: Effective addresses for ioremap() and vmalloc(), about, in bytes: more cannot be mapped.
MAPPABLE = 0x3A00_0000


class Probe(NamedTuple):
    """How a probe ends, in the words of ``linux.outcome``, and why; if bound, with which features."""

    outcome: str
    reason: str
    features: Feature | None = None


class Driver:
    """The driver in one kernel; devices are probed in the order in which they were made.

    ``unshared`` are the sources of the MPIC whose handler shares with no other, None for no source.
    """

    def __init__(
        self,
        tree: DeviceTree,
        hardware: Hardware,
        claims: Claims,
        interrupts: Mappings,
        *,
        unshared: Iterable[int | None],
        waiting: Suppliers,
    ) -> None:
        self._hardware = hardware
        self._claims = claims
        self._interrupts = interrupts
        self._power_off: set[int] = set()
        self._restart = {GUTS_PRIORITY} if has_guts_reset(tree) else set()
        self._unshared = frozenset(unshared)
        self._waiting = waiting

    def probe(self, node: Node) -> Probe:
        """Return what pvctl_probe() does with the device of ``node``, if it is called at all.

        Raises KernelCrash when the kernel does not come so far.
        """
        supplier = self._waiting.supplier_of(node)
        if supplier is not None:
            reason = f"it waits for its supplier {supplier.path}, which has no driver"
            return Probe(probe_fails("EPROBE_DEFER"), reason)
        dma.configure(node)
        found = resources(node)
        if not found:
            return Probe(probe_fails("EINVAL"), "it has no registers: reg is missing, or leads nowhere")
        failure = self._map(node, found[0])
        if failure is not None:
            return failure
        probe = self._probe_mapped(node, found[0].start)
        if probe.outcome != BOUND:
            self._claims.release(node.path)
        return probe

    def _map(self, node: Node, registers: Resource) -> Probe | None:
        """Claim and map the registers (devm_ioremap_resource); return how that fails."""
        if registers.size <= 0:
            return Probe(probe_fails("EBUSY"), "its reg has the size 0, which cannot be claimed")
        conflict = self._claims.claim(registers, node.path)
        if conflict is not None:
            reason = f"{registers} is not free: {conflict.resource} belongs to {conflict.owner}"
            return Probe(probe_fails("EBUSY"), reason)
        # ioremap() takes the size as an unsigned long.
        mapped = registers.size & 0xFFFF_FFFF
        if not 0 < mapped <= MAPPABLE:
            self._claims.release(node.path)
            return Probe(probe_fails("ENOMEM"), f"{registers.size:#x} bytes cannot be mapped")
        return None

    def _probe_mapped(self, node: Node, base: int) -> Probe:
        interrupt = self._interrupts.map(node)
        if isinstance(interrupt, NoInterrupt) and interrupt.deferred:
            return Probe(probe_fails("EPROBE_DEFER"), interrupt.reason)
        identifier = self._read(base, "ID")
        if identifier != IDENTIFICATION:
            return Probe(probe_fails("ENODEV"), f"what answers at {base:#x} says {identifier:#010x} for ID")
        major = self._read(base, "VERSION") >> 16
        if major != MAJOR:
            return Probe(probe_fails("EOPNOTSUPP"), f"its version {major} is not {MAJOR}")
        features = Feature(self._read(base, "FEATURES") & int(~Feature(0)))
        if isinstance(interrupt, NoInterrupt):
            features &= ~Feature.EVENTS
        return self._register(node, features, interrupt)

    def _read(self, base: int, register: str) -> int:
        return self._hardware.read(base + getattr(Pvctl, register).offset)

    def _register(self, node: Node, features: Feature, interrupt: Interrupt | NoInterrupt) -> Probe:
        """Register the handlers of ``features`` and bind, or return why that fails."""
        priority = node.read_u32("priority")
        priority = DEFAULT_PRIORITY if priority is None else priority
        if priority > MAX_PRIORITY:
            return Probe(probe_fails("EINVAL"), f"its priority {priority} is above {MAX_PRIORITY}")
        for feature, taken, what in (
            (Feature.SHUTDOWN, self._power_off, "power-off"),
            (Feature.RESET, self._restart, "restart"),
        ):
            if feature in features and priority != SHARED_PRIORITY and priority in taken:
                reason = f"another {what} handler has the priority {priority}"
                return Probe(probe_fails("EBUSY"), reason)
        source = interrupt.source if isinstance(interrupt, Interrupt) else None
        if Feature.EVENTS in features and source is not None and source in self._unshared:
            return Probe(probe_fails("EBUSY"), f"interrupt {source} has a handler that does not share it")
        if Feature.SHUTDOWN in features:
            self._power_off.add(priority)
        if Feature.RESET in features:
            self._restart.add(priority)
        events = "" if Feature.EVENTS in features else ", without events of the host"
        if isinstance(interrupt, NoInterrupt):
            events += f": {interrupt.reason}"
        return Probe(BOUND, f"it binds{events}", features)


def has_guts_reset(tree: DeviceTree) -> bool:
    """Tell whether the kernel finds the SoC's reset register."""
    return any(
        node.base_name == "global-utilities" and "fsl,has-rstcr" in node.properties and resources(node)
        for node in tree.root.walk()
    )

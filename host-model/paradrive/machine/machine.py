# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole machine: built from its device tree, booted, reset, saved and restored.

The one place that drives the devices' life cycle. How a machine runs until it ends is in ``run_loop``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.models import CPU_MODELS, CpuModel
from paradrive.cpu.vcpu import Vcpu
from paradrive.devices.bus import Bus
from paradrive.devices.dma import Dma
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import BootReason
from paradrive.devices.undeclared import Undeclared, UndeclaredChange
from paradrive.host.inputs import InputError
from paradrive.host.printable import printable
from paradrive.machine import boot
from paradrive.machine.board import board_named, populate
from paradrive.machine.essentials import create_memory, timebase_frequency
from paradrive.machine.run_loop import RunLoop
from paradrive.machine.snapshot import MachineSnapshot, SavedRam, differing_pages
from paradrive.machine.wiring import DeviceHost, Surroundings, Wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from paradrive.devices.device import Device
    from paradrive.devicetree.node import DeviceTree
    from paradrive.machine.device_models import Model
    from paradrive.machine.elf_kernel import Kernel


class Configuration(NamedTuple):
    """What a machine is made of.

    ``memory_size`` in bytes overrides the tree's memory nodes, ``command_line`` its kernel arguments.
    ``models`` are device models besides the board's, by the ``compatible`` string of their nodes; a class
    that is the only one for such a string needs not be among them.
    """

    tree: DeviceTree
    kernel: Kernel
    initrd: boot.Initrd | None = None
    machine: str = "ppce500"
    cpu: str = "e500v2"
    memory_size: int | None = None
    command_line: str | None = None
    engine: Literal["compiled", "reference"] = "compiled"
    models: Mapping[str, Model] = MappingProxyType({})


def cpu_named(name: str) -> CpuModel:
    """Return the CPU of this name; InputError when there is none."""
    if name not in CPU_MODELS:
        raise InputError("--cpu", f"there is no CPU {name!r}, only {' and '.join(CPU_MODELS)}")
    return CPU_MODELS[name]


class Machine(RunLoop):
    """A machine that has been powered on and is about to enter its kernel.

    ``transmit`` gets each byte which the guest sends on its console. What the tree is wrong about stands in
    ``warnings``, a line each. Raises InputError when no machine can be made of the configuration.
    """

    def __init__(self, configuration: Configuration, transmit: Callable[[int], None]) -> None:
        super().__init__(transmit)
        tree = configuration.tree
        board = board_named(configuration.machine)
        self.name = board.name
        self.cpu_model = cpu_named(configuration.cpu)
        board.check_cpu(configuration.cpu)
        self.kernel = configuration.kernel
        #: What overrides the tree, in bytes: a tree that is wrong about RAM does not tell how much there is.
        self.memory_size = configuration.memory_size
        self.bus = Bus()
        self._last_snapshot: MachineSnapshot | None = None

        self.warnings: list[str] = []
        warn = self.warnings.append
        self.memories = create_memory(tree, configuration.memory_size, self.bus, warn)
        wiring = Wiring(
            Surroundings(
                self.clock,
                self.bus,
                memory_written=lambda address, size: self.vcpu.memory_written(address, size),
                interrupt_cpu=lambda level: self.vcpu.set_external_interrupt(level),
                processor_version=self.cpu_model.pvr,
                host=lambda device: DeviceHost(self, device),
            ),
            warn,
        )
        self.devices = populate(board, tree, wiring, configuration.models)
        #: The project's own devices that do all by hand are known to bring all back.
        self._watched = [
            device
            for device in self.devices.values()
            if not (device.restores_itself and type(device).__module__.startswith("paradrive."))
        ]
        self._undeclared: list[Undeclared] = []
        self._undeclared_changes: dict[Device, dict[str, None]] = {}
        #: All UARTs by the paths of their nodes; what listens to one takes the place of its ``transmit``.
        self.serial_ports = {
            path: device for path, device in self.devices.items() if isinstance(device, Ns16550)
        }
        self.console = self._find_console(tree)
        self.vcpu = Vcpu(
            self.cpu_model,
            self.bus,
            self.clock,
            engine=configuration.engine,
            interrupt_controller=wiring.mpic,
            timebase_frequency=timebase_frequency(tree, self.cpu_model, warn),
        )
        self.bus.on_change = self.vcpu.memory_changed
        self.bus.on_accessors_change = self.vcpu.devices_changed
        self.images = boot.prepare(
            configuration.kernel, tree, configuration.initrd, configuration.command_line, self.memories
        )
        self._start(BootReason.COLD)

    def _find_console(self, tree: DeviceTree) -> Ns16550 | None:
        """Return the UART that the tree names as the console, and listen to it.

        It is the first UART where the tree names none, as on QEMU; warns where there is none of that name.
        """
        node = tree.console_node()
        console = self.serial_ports.get(node.path) if node is not None else None
        if console is None and self.serial_ports:
            path, console = next(iter(self.serial_ports.items()))
            if wanted := tree.console_path():
                self.warnings.append(
                    f"/chosen: there is no UART {printable(wanted)}, its stdout-path: the console is {path}"
                )
        if console is not None:
            console.transmit = self._console_byte
        return console

    # Life cycle

    def _start(self, reason: BootReason) -> None:
        """Load the images and enter the kernel; devices and core are in their power-on state."""
        self.boot_reason = reason
        self.begin_anew()
        self.images.load()
        for address, size in self.images.ranges():
            self.vcpu.memory_written(address, size)
        self.images.enter(self.vcpu)

    def reset(self, reason: BootReason) -> None:
        """Reboot the guest, between two runs; as on a board, RAM keeps what no boot image overwrites."""
        self.vcpu.require_rest("a reset")
        for device in self.devices.values():
            device.reset()
        self.vcpu.reset()
        self.resets += 1
        self._start(reason)

    def snapshot(self) -> MachineSnapshot:
        """Return the state of the machine between two runs, for ``restore``."""
        self._last_snapshot = MachineSnapshot(
            self.vcpu.snapshot(),
            (
                *(device.capture() for device in self.devices.values()),
                *(device.deferred.capture() for device in self.devices.values() if device.deferred),
            ),
            tuple(SavedRam(memory) for memory in self.memories),
            self.progress,
        )
        return self._last_snapshot

    def restore(self, snapshot: MachineSnapshot) -> None:
        """Return, between two runs, to a snapshot of this machine; fastest if it is the one used last."""
        self.vcpu.require_rest("a restore")
        if snapshot is not self._last_snapshot:
            assert self._last_snapshot is not None
            self.vcpu.stored_pages.update(differing_pages(snapshot, self._last_snapshot))
            self._last_snapshot = snapshot
        self._undeclared_changes.clear()
        for device in self.devices.values():
            device.drop_deferred()
        self.clock.clear()
        self.vcpu.restore(snapshot.vcpu, zip(self.memories, snapshot.ram, strict=True))
        for revert in snapshot.devices:
            revert()
        self.progress = snapshot.progress

    def run_begins(self) -> None:
        """Take note of what devices hold without declaring it."""
        self._undeclared = [Undeclared(device) for device in self._watched]

    def run_ended(self) -> None:
        """Take note of what the guest has changed of that."""
        for device, undeclared in zip(self._watched, self._undeclared, strict=True):
            if changes := undeclared.changes():
                self._undeclared_changes.setdefault(device, {}).update(dict.fromkeys(changes))

    def undeclared_changes(self) -> list[UndeclaredChange]:
        """Return what devices have changed in runs since the last restore without declaring it."""
        paths = {device: path for path, device in self.devices.items()}
        return [
            UndeclaredChange(paths[device], device, name, device.restores_itself)
            for device, names in self._undeclared_changes.items()
            for name in names
        ]

    def write_memory(self, address: int, data: bytes) -> bool:
        """Write to RAM at a physical address; return False, having written nothing, if not all is RAM."""
        return Dma(self.bus, self.vcpu.memory_written).write(address, data)

    def destroy(self) -> None:
        """Let go of what the machine holds; it is not used any more after."""
        for device in self.devices.values():
            device.destroy()

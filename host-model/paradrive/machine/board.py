# SPDX-License-Identifier: GPL-2.0-or-later
"""The boards: what each has, and how the nodes of a tree become devices.

A device of one's own needs nothing here (see `device_models`). To make it part of a board, enter its class
into ``PARAVIRTUAL_MODELS``, or into ``CHIP_MODELS``, if it is part of a real chip.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.guts import Guts
from paradrive.devices.mpic import MPIC_2_0, MPIC_4_2, Mpic, MpicModel
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import Pvctl
from paradrive.devices.pvpanic import Pvpanic
from paradrive.machine.blob import DeviceTreeError
from paradrive.machine.device_models import create_device, find_model
from paradrive.machine.devicetree import Region
from paradrive.machine.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from paradrive.devices.bus import Bus
    from paradrive.devices.device import Device
    from paradrive.machine.device_models import Model
    from paradrive.machine.devicetree import DeviceTree, Node
    from paradrive.machine.wiring import Wiring

#: SVR, as QEMU's e500 cores have it: no particular chip.
SYSTEM_VERSION = 0
#: More would only make a hostile tree slow to build.
MAX_DEVICES = 256
#: Of e500v2 and e500mc (MAS7[RPNU] and MAS3[RPNL]).
PHYSICAL_ADDRESS_BITS = 36


def connect_mpic(model: MpicModel, wiring: Wiring, node: Node) -> Device:
    """Connect the interrupt controller to the core; its revision is the board's."""
    mpic = Mpic(wiring.surroundings.clock, [wiring.surroundings.interrupt_cpu], model=model)
    wiring.add_interrupt_controller(node, mpic)
    return mpic


def connect_ns16550(wiring: Wiring, node: Node) -> Device:
    """Connect a UART: to the console if it is the tree's, otherwise nobody listens to its output yet."""
    port = Ns16550(wiring.first_interrupt(node), lambda byte: None, wiring.surroundings.clock)
    wiring.serial_ports.setdefault(node.path, port)
    if node is wiring.console_node:
        wiring.console = port
        port.transmit = wiring.surroundings.transmit
    return port


def connect_guts(wiring: Wiring, node: Node) -> Device:
    """Connect the reset request to the machine."""
    surroundings = wiring.surroundings
    return Guts(surroundings.cpu_model.pvr, SYSTEM_VERSION, surroundings.reset_requested)


def connect_pvctl(wiring: Wiring, node: Node) -> Device:
    """Connect the system controller to the machine, which is its host."""
    surroundings = wiring.surroundings
    return Pvctl(wiring.first_interrupt(node), surroundings.pvctl_host, clock=surroundings.clock)


def connect_pvpanic(wiring: Wiring, node: Node) -> Device:
    """Connect pvpanic to the machine, which takes note of what it reports."""
    return Pvpanic(wiring.surroundings.pvpanic_event)


def _by_compatible(*models: tuple[type[Device], Model]) -> dict[str, Model]:
    return {compatible: model for device, model in models for compatible in device.compatible}


#: What all chips of the MPC85xx family contain, but for the MPIC.
CHIP_MODELS = _by_compatible((Ns16550, connect_ns16550), (Guts, connect_guts))
#: What only a hypervisor can add.
PARAVIRTUAL_MODELS = _by_compatible((Pvctl, connect_pvctl), (Pvpanic, connect_pvpanic))


def _mpic(model: MpicModel) -> dict[str, Model]:
    return _by_compatible((Mpic, partial(connect_mpic, model)))


class Board(NamedTuple):
    """A machine as QEMU calls it.

    ``root_compatible`` is what its tree's root is compatible with, ``models`` its device models. A guest
    of a machine without ``powers_off`` can only end by a reset.
    """

    name: str
    cpus: tuple[str, ...]
    root_compatible: str
    models: Mapping[str, Model]
    powers_off: bool

    def check_cpu(self, cpu: str) -> None:
        """Raise InputError unless there is such a machine with this CPU."""
        if cpu not in self.cpus:
            raise InputError("--cpu", f"{self.name} has an {' or '.join(self.cpus)}, not an {cpu}")


BOARDS = {
    board.name: board
    for board in (
        Board(
            name="ppce500",
            cpus=("e500v2", "e500mc"),
            root_compatible="fsl,qemu-e500",
            models=CHIP_MODELS | _mpic(MPIC_4_2) | PARAVIRTUAL_MODELS,
            powers_off=True,
        ),
        # Imitates a real board, whose layout must stay the chip's.
        Board(
            name="mpc8544ds",
            cpus=("e500v2",),
            root_compatible="MPC8544DS",
            models=CHIP_MODELS | _mpic(MPIC_2_0),
            powers_off=False,
        ),
    )
}


#: What is part of one board is not added to another.
_OF_BOARDS = frozenset(name for board in BOARDS.values() for name in board.models)


def board_named(name: str) -> Board:
    """Return the board of this name; InputError when there is none."""
    if name not in BOARDS:
        raise InputError("--machine", f"there is no machine {name!r}, only {' and '.join(BOARDS)}")
    return BOARDS[name]


def populate(board: Board, tree: DeviceTree, wiring: Wiring, bus: Bus) -> dict[str, Device]:
    """Build the tree's devices, map them where it says, and return them by the paths of their nodes.

    The tree may be wrong. A device is left out, with a warning, where the tree does not describe it well
    enough, and where something else answers already. Of several nodes with one path, the second is
    entered as "path#1", and so on, as Linux names them in /sys.
    """
    if board.root_compatible not in tree.root.compatible:
        wiring.warn(f"/: is not compatible with {board.root_compatible}, as {board.name} is")
    found = list(_device_nodes(tree.root, board))
    # Devices are connected to the interrupt controller, so it comes first.
    found.sort(key=lambda node: "interrupt-controller" not in node.properties)
    devices: dict[str, Device] = {}
    for node in found:
        if len(devices) == MAX_DEVICES:
            wiring.warn(f"{node.path}: is more than {MAX_DEVICES} devices; nothing answers from here on")
            break
        try:
            device = _create(board, node, wiring, bus)
        except DeviceTreeError as error:
            wiring.warn_of(node, "nothing answers there", error)
            continue
        same_path = (f"{node.path}#{number}" for number in count(1))
        path = node.path if node.path not in devices else next(p for p in same_path if p not in devices)
        devices[path] = device
    return devices


def _device_nodes(bus_node: Node, board: Board) -> Iterator[Node]:
    """Yield the nodes of devices which the CPU reaches, bus by bus."""
    for node in bus_node.children:
        if node.name == "cpus" or not node.is_enabled:
            continue
        is_simple_bus = not node.compatible or "simple-bus" in node.compatible
        if not is_simple_bus or not board.models.keys().isdisjoint(node.compatible):
            yield node
        # Whatever a bus is compatible with: its devices are in the CPU's address space if it translates.
        if is_simple_bus or "ranges" in node.properties:
            yield from _device_nodes(node, board)


def _create(board: Board, node: Node, wiring: Wiring, bus: Bus) -> Device:
    model = find_model(node, board.models, _OF_BOARDS)
    if model is None:
        raise node.error(f"{board.name} has no model of {', '.join(node.compatible)!r:.200}")
    address, size = _vacant_region(bus, node, wiring.warn)
    device = create_device(model, wiring, node)
    device.name = node.name
    bus.map_device(address, size, device)
    return device


def _vacant_region(bus: Bus, node: Node, warn: Callable[[str], None]) -> Region:
    """Return the node's first region, up to where something else answers already.

    Raises DeviceTreeError where nothing is left of it, or the CPU cannot reach it.
    """
    regions = node.register_regions()
    if not regions:
        raise node.error("has no reg")
    address, size = regions[0]
    if size == 0:
        raise node.error("its reg has the size 0")
    if address >> PHYSICAL_ADDRESS_BITS:
        raise node.error(f"{address:#x} has more than the {PHYSICAL_ADDRESS_BITS} bits of a physical address")
    for other in bus.regions:
        if address < other.base + other.size and other.base < address + size:
            if other.base <= address:
                raise node.error(f"{address:#x} belongs to {other}")
            warn(f"{node.path}: overlaps {other}, which answers from there on")
            return Region(address, other.base - address)
    return Region(address, size)

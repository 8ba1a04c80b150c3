# SPDX-License-Identifier: GPL-2.0-or-later
"""The boards: which tree each accepts, and how the nodes of a tree become devices.

To give the machines a new device, write its class, a function here which connects one, and an entry
in ``PARAVIRTUAL_MODELS`` (or in ``CHIP_MODELS``, if it is part of a real chip). A test that brings a device
of its own hands both to the machine as ``Configuration.models``; examples/doorbell is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.guts import Guts
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.mpic import MPIC_2_0, MPIC_4_2, Mpic, MpicModel
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import Pvctl
from paradrive.machine.inputs import InputError

if TYPE_CHECKING:
    from paradrive.devices.bus import Bus
    from paradrive.devices.device import Device
    from paradrive.machine.devicetree import DeviceTree, Node
    from paradrive.machine.wiring import Wiring

#: SVR, as QEMU's e500 cores have it: no particular chip.
SYSTEM_VERSION = 0
#: More would only make a hostile tree slow to build.
MAX_DEVICES = 256


def connect_mpic(model: MpicModel, wiring: Wiring, node: Node) -> Device:
    """Connect the interrupt controller to the core; its revision is the board's."""
    mpic = Mpic(wiring.surroundings.clock, [wiring.surroundings.interrupt_cpu], model=model)
    wiring.add_interrupt_controller(node, mpic)
    return mpic


def connect_ns16550(wiring: Wiring, node: Node) -> Device:
    """Connect a UART: to the console if it is the tree's, otherwise nobody listens to its output yet."""
    interrupt = wiring.first_interrupt(node) or InterruptLine()
    port = wiring.serial_ports[node.path] = Ns16550(interrupt, lambda byte: None)
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
    return Pvctl(wiring.first_interrupt(node), wiring.surroundings.pvctl_host)


Connect = Callable[["Wiring", "Node"], "Device"]


def _by_compatible(*models: tuple[type[Device], Connect]) -> dict[str, Connect]:
    return {compatible: connect for device, connect in models for compatible in device.compatible}


#: What all chips of the MPC85xx family contain, but for the MPIC.
CHIP_MODELS = _by_compatible((Ns16550, connect_ns16550), (Guts, connect_guts))
#: What only a hypervisor can add.
PARAVIRTUAL_MODELS = _by_compatible((Pvctl, connect_pvctl))


def _mpic(model: MpicModel) -> dict[str, Connect]:
    return _by_compatible((Mpic, partial(connect_mpic, model)))


class Board(NamedTuple):
    """A machine as QEMU calls it, what its tree's root is compatible with, and its device models."""

    name: str
    root_compatible: str
    models: Mapping[str, Connect]


BOARDS = {
    board.name: board
    for board in (
        Board("ppce500", "fsl,qemu-e500", CHIP_MODELS | _mpic(MPIC_4_2) | PARAVIRTUAL_MODELS),
        # Imitates a real board, whose layout must stay the chip's.
        Board("mpc8544ds", "MPC8544DS", CHIP_MODELS | _mpic(MPIC_2_0)),
    )
}


def board_named(name: str) -> Board:
    """Return the board of this name; InputError when there is none."""
    if name not in BOARDS:
        raise InputError("--machine", f"there is no machine {name!r}, only {' and '.join(BOARDS)}")
    return BOARDS[name]


class Population(NamedTuple):
    """What a tree became: devices by their node's path, and a warning for each node without a model."""

    devices: dict[str, Device]
    warnings: list[str]


def populate(board: Board, tree: DeviceTree, wiring: Wiring, bus: Bus) -> Population:
    """Build the tree's devices and map them where it says.

    Raises DeviceTreeError where that cannot be done, or when the tree is another board's.
    """
    if board.root_compatible not in tree.root.compatible:
        compatible = ", ".join(tree.root.compatible) or "nothing"
        raise tree.error(f"is compatible with {compatible}; {board.name} needs {board.root_compatible}")
    found = list(_device_nodes(tree.root))
    # Devices are connected to the interrupt controller, so it comes first.
    found.sort(key=lambda node: "interrupt-controller" not in node.properties)
    devices: dict[str, Device] = {}
    warnings = []
    for node in found:
        connect = next((board.models[name] for name in node.compatible if name in board.models), None)
        if connect is None:
            names = ", ".join(node.compatible)
            warnings.append(f"{node.path}: {board.name} has no model of {names}; nothing answers there")
            continue
        if len(devices) == MAX_DEVICES:
            raise tree.error(f"describes more than {MAX_DEVICES} devices")
        device = connect(wiring, node)
        device.name = node.name
        _map(bus, node, device)
        devices[node.path] = device
    return Population(devices, warnings)


def _device_nodes(bus_node: Node) -> Iterator[Node]:
    """Yield the nodes of devices which the CPU reaches, bus by bus."""
    for node in bus_node.children:
        if node.name == "cpus" or not node.is_enabled:
            continue
        if node.compatible and "simple-bus" not in node.compatible:
            yield node
        else:
            yield from _device_nodes(node)


def _map(bus: Bus, node: Node, device: Device) -> None:
    regions = node.register_regions()
    if not regions:
        raise node.error("has no reg")
    try:
        bus.map_device(*regions[0], device)
    except ValueError as error:
        raise node.error(str(error)) from None

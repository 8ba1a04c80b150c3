# SPDX-License-Identifier: GPL-2.0-or-later
"""The boards: what each has, and how the nodes of a tree become devices.

A device of one's own needs nothing here (see `device_models`). To make it part of ppce500, enter its class
into ``PARAVIRTUAL_MODELS``.
"""

from __future__ import annotations

from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.guts import Guts
from paradrive.devices.mpic import MPIC_2_0, MPIC_4_2, Mpic, MpicModel
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import Pvctl
from paradrive.devices.pvpanic import Pvpanic
from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.linux_address import Region, regions
from paradrive.host.inputs import InputError
from paradrive.machine.device_models import by_compatible, find_model, names_of
from paradrive.machine.named_models import describe_error, installed_model
from paradrive.machine.virtio_models import VIRTIO_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from paradrive.devices.device import Device, RegionKey
    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive.machine.device_models import Model
    from paradrive.machine.wiring import Surroundings, Wiring

#: SVR, as QEMU's e500 cores have it: no particular chip.
SYSTEM_VERSION = 0
#: More would only make a hostile tree slow to build.
MAX_DEVICES = 256
#: Entries of reg of which a warning is worth while.
MAX_REGIONS = 16
#: Of e500v2 and e500mc (MAS7[RPNU] and MAS3[RPNL]).
PHYSICAL_ADDRESS_BITS = 36


def _chip_models(mpic: MpicModel, surroundings: Surroundings) -> dict[str, Model]:
    """Return the models of what all chips of the MPC85xx family contain; the MPIC's revision differs."""
    models: list[tuple[type[Device], Model]] = [
        (Mpic, lambda: Mpic(surroundings.clock, [surroundings.interrupt_cpu], model=mpic)),
        (Ns16550, Ns16550),
        (Guts, lambda: Guts(surroundings.processor_version, SYSTEM_VERSION)),
    ]
    return {compatible: model for device, model in models for compatible in device.compatible}


#: What the boards' own models model; a test's file that imports one of these classes does not replace it.
MODELLED = frozenset(
    ("virtio,mmio", *(name for device in (Mpic, Ns16550, Guts, Pvctl, Pvpanic) for name in device.compatible))
)
#: What only a hypervisor can add.
PARAVIRTUAL_MODELS = {**by_compatible((Pvctl, Pvpanic)), **VIRTIO_MODELS}


class Board(NamedTuple):
    """A machine as QEMU calls it.

    ``root_compatible`` is what its tree's root is compatible with, ``mpic`` the revision of its interrupt
    controller, ``paravirtual_models`` what it has besides the chip. A guest of a machine without
    ``powers_off`` can only end by a reset.
    """

    name: str
    cpus: tuple[str, ...]
    root_compatible: str
    mpic: MpicModel
    paravirtual_models: Mapping[str, Model]
    powers_off: bool

    def models(self, surroundings: Surroundings) -> dict[str, Model]:
        """Return the models of its devices by what their nodes are compatible with."""
        return {**_chip_models(self.mpic, surroundings), **self.paravirtual_models}

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
            mpic=MPIC_4_2,
            paravirtual_models=PARAVIRTUAL_MODELS,
            powers_off=True,
        ),
        # Imitates a real board, whose layout must stay the chip's.
        Board(
            name="mpc8544ds",
            cpus=("e500v2",),
            root_compatible="MPC8544DS",
            mpic=MPIC_2_0,
            paravirtual_models={},
            powers_off=False,
        ),
    )
}


def board_named(name: str) -> Board:
    """Return the board of this name; InputError when there is none."""
    if name not in BOARDS:
        raise InputError("--machine", f"there is no machine {name!r}, only {' and '.join(BOARDS)}")
    return BOARDS[name]


def populate(
    board: Board, tree: DeviceTree, wiring: Wiring, models: Mapping[str, Model] = MappingProxyType({})
) -> dict[str, Device]:
    """Build the tree's devices, map them where it says, and return them by the paths of their nodes.

    ``models`` come before the board's own, and what installed packages have behind. The tree may be wrong. A
    device is left out, with a warning, where the tree does not describe it well enough, and where something
    else answers already. Of several nodes with one path, the second is entered as "path#1", and so on, as
    Linux names them in /sys. Raises InputError where a model cannot be made.
    """
    if board.root_compatible not in tree.root.compatible:
        wiring.warn(f"/: is not compatible with {board.root_compatible}, as {board.name} is")
    builder = _Builder(board, tree, wiring, models)
    found = list(builder.device_nodes(tree.root))
    # Devices are connected to the interrupt controller, so it comes first.
    found.sort(key=lambda node: "interrupt-controller" not in node.properties)
    devices: dict[str, Device] = {}
    for node in found:
        if len(devices) == MAX_DEVICES:
            wiring.warn(f"{node.path}: is more than {MAX_DEVICES} devices; nothing answers from here on")
            break
        try:
            device = builder.create(node)
        except DeviceTreeError as error:
            wiring.warn_of(node, "nothing answers there", error)
            continue
        same_path = (f"{node.path}#{number}" for number in count(1))
        path = node.path if node.path not in devices else next(p for p in same_path if p not in devices)
        devices[path] = device
    return devices


class _Builder:
    """Makes the devices of one machine."""

    def __init__(self, board: Board, tree: DeviceTree, wiring: Wiring, models: Mapping[str, Model]) -> None:
        self._board, self._tree, self._wiring = board, tree, wiring
        self._bus = wiring.surroundings.bus
        self._models = {**board.models(wiring.surroundings), **models}

    def device_nodes(self, bus_node: Node) -> Iterator[Node]:
        """Yield the nodes of devices which the CPU reaches, bus by bus."""
        for node in bus_node.children:
            if node.name == "cpus" or not node.is_available:
                continue
            is_simple_bus = not node.compatible or "simple-bus" in node.compatible
            if not is_simple_bus or find_model(self._tree, node, self._models) is not None:
                yield node
            # Whatever a bus is compatible with: its devices are in the CPU's address space if it translates.
            if is_simple_bus or "ranges" in node.properties:
                yield from self.device_nodes(node)

    def create(self, node: Node) -> Device:
        """Return a new device, mapped and with its services."""
        model = find_model(self._tree, node, self._models) or installed_model(names_of(self._tree, node))
        if model is None:
            raise node.error(f"{self._board.name} has no model of {', '.join(node.compatible)!r:.200}")
        found = regions(node, MAX_REGIONS)
        device = self._made_by(model, node)
        if not found and device.needs_reg:
            raise node.error("has no reg")
        if isinstance(device, Mpic):
            self._wiring.add_interrupt_controller(node, device)
        places = self._places(device, node, found) if found else {}
        self._attach(device, node)
        for key, (address, size) in places.items():
            self._bus.map_device(address, size, device, key)
        return device

    def _made_by(self, model: Model, node: Node) -> Device:
        try:
            return model()
        except Exception as error:
            raise _model_error(node, model, error) from error

    def _attach(self, device: Device, node: Node) -> None:
        try:
            self._wiring.attach(device, node)
        except DeviceTreeError:
            raise  # the tree lacks what the model needs
        except Exception as error:
            raise _model_error(node, type(device), error) from error

    def _places(self, device: Device, node: Node, regions: list[Region]) -> dict[RegionKey, Region]:
        """Return where each region of the device is, by its key.

        Warns of those that the tree lacks, and of those that the model does not know. Raises DeviceTreeError
        where nothing is left of the first.
        """
        names = node.strings("reg-names")
        places: dict[RegionKey, Region] = {}
        indexes = set()
        for key in device.regions:
            index = key if isinstance(key, int) else names.index(key) if key in names else len(regions)
            indexes.add(index)
            try:
                if index >= len(regions):
                    raise node.error(f"its reg entry {key!r} is missing, or leads nowhere")
                places[key] = self._vacant(node, regions[index], places.values())
            except DeviceTreeError as error:
                if key == device.regions[0]:
                    raise
                self._wiring.warn_of(node, f"nothing answers in region {key!r}", error)
        for index in range(len(regions)):
            if index not in indexes and index < MAX_REGIONS:
                self._wiring.warn(f"{node.path}: its model has no region {index}; nothing answers there")
        return places

    def _vacant(self, node: Node, region: Region, own: Iterable[Region]) -> Region:
        """Return a region up to where something else answers already.

        Raises DeviceTreeError where nothing is left of it, or the CPU cannot reach it.
        """
        address, size = region
        if size == 0:
            raise node.error("its reg has the size 0")
        if address >> PHYSICAL_ADDRESS_BITS:
            bits = f"the {PHYSICAL_ADDRESS_BITS} bits of a physical address"
            raise node.error(f"{address:#x} has more than {bits}")
        others = [(other.base, other.size, str(other)) for other in self._bus.regions]
        others += [(other.address, other.size, f"another region of {node.name}") for other in own]
        for base, length, name in sorted(others):
            if address < base + length and base < address + size:
                if base <= address:
                    raise node.error(f"{address:#x} belongs to {name}")
                self._wiring.warn(f"{node.path}: overlaps {name}, which answers from there on")
                return Region(address, base - address)
        return region


def _model_error(node: Node, model: Model, error: Exception) -> InputError:
    name = f"{model.__module__}:{getattr(model, '__qualname__', model)}"
    return InputError(node.path, f"its model {name}: {describe_error(error)}")

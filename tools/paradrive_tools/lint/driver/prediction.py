# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel will do with each node of a tree: the bus, and the driver's probe, thought ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.linux_interrupts import EndlessSearch
from paradrive_tools.lint.driver.hardware import Hardware
from paradrive_tools.lint.driver.pvctl import COMPATIBLE, Driver, Probe
from paradrive_tools.lint.linux.boot import why_not
from paradrive_tools.lint.linux.built_in import BuiltInDrivers
from paradrive_tools.lint.linux.dma import KernelCrash
from paradrive_tools.lint.linux.interrupts import Mappings
from paradrive_tools.lint.linux.outcome import NOT_POPULATED, OTHER_DRIVER, POPULATED
from paradrive_tools.lint.linux.resources import Claims
from paradrive_tools.lint.linux.suppliers import Suppliers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.devicetree.node import DeviceTree
    from paradrive.machine.board import Board
    from paradrive.machine.device_models import Model
    from paradrive_tools.lint.linux.interrupts import Interrupts
    from paradrive_tools.lint.linux.population import Population


class Prediction(NamedTuple):
    """What becomes of a tree's nodes, by path, unless the kernel does not boot because of ``failure``."""

    nodes: dict[str, Probe]
    failure: str = ""


def predict(
    tree: DeviceTree,
    board: Board,
    models: Mapping[str, Model],
    population: Population,
    interrupts: Interrupts,
) -> Prediction:
    """Return what the kernel and the driver will do with the tree, on the board with these models besides."""
    failure = why_not(tree, board, interrupts.mpic)
    if failure:
        return Prediction({}, failure)
    nodes = {path: Probe(NOT_POPULATED, reason) for path, reason in population.left_out.items()}
    built_in = BuiltInDrivers(population)
    mappings = Mappings(interrupts)
    try:
        # Theirs they share.
        for node in built_in.serial_ports:
            mappings.map(node)
        driver = Driver(
            tree,
            Hardware(board, tree, models),
            Claims(tree, built_in.serial_ports),
            mappings,
            unshared={interrupts.error_source},
            waiting=Suppliers(tree, built_in, interrupts.mpic),
        )
        _probe_all(population, tree, built_in, driver, nodes)
    except EndlessSearch as error:
        return Prediction({}, error.reason)
    except KernelCrash as error:
        return Prediction({}, str(error))
    return Prediction(nodes)


def _probe_all(
    population: Population,
    tree: DeviceTree,
    built_in: BuiltInDrivers,
    driver: Driver,
    nodes: dict[str, Probe],
) -> None:
    """Add to ``nodes`` what becomes of each device."""
    for device in population.devices:
        if not device.node.is_compatible(COMPATIBLE):
            probe = Probe(POPULATED, f"it becomes the device {device.name}, which is not for this driver")
        elif other := built_in.driver_of(device.node):
            probe = Probe(OTHER_DRIVER, f"the built-in driver {other} binds first")
        else:
            probe = driver.probe(device.node)
        nodes[device.node.path] = probe

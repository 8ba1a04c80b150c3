# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparing what the linter predicts of a tree with what the kernel does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.mpic_registers import SOURCES
from paradrive.devices.pvctl import Feature
from paradrive.devicetree.node import DeviceTree
from paradrive.machine.board import board_named
from paradrive_dev.agreement.reality import NO_DRIVER, observe
from paradrive_tools.lint.linux.interrupts import Interrupt
from paradrive_tools.lint.linux.outcome import OTHER_DRIVER, POPULATED
from paradrive_tools.lint.source.source_map import SourceMap
from paradrive_tools.lint.subject import Subject

if TYPE_CHECKING:
    from paradrive_dev.agreement.reality import Observation
    from paradrive_tools.lint.driver.prediction import Prediction


class Disagreement(NamedTuple):
    """One thing that was predicted and did not happen: of a node, by its path, or "boot"."""

    what: str
    predicted: str
    observed: str

    def __str__(self) -> str:
        return f"{self.what}: predicted: {self.predicted}; observed: {self.observed}"


class Comparison(NamedTuple):
    """A tree, of which ``subject`` has the prediction, what was observed, and where the two disagree."""

    subject: Subject
    observation: Observation
    disagreements: list[Disagreement]


def compare(blob: bytes, cpu: str = "e500v2", machine: str = "ppce500") -> Comparison:
    """Predict what becomes of a tree, boot it, and compare; errors as ``reality.observe`` raises them."""
    subject = subject_of(blob, machine)
    observation = observe(blob, cpu, machine)
    found = _disagreements(subject.prediction, observation) or _without_line(subject, observation)
    return Comparison(subject, observation, found)


def subject_of(blob: bytes, machine: str = "ppce500") -> Subject:
    """Return a tree as the rules look at it; DeviceTreeError where it is none."""
    name = "tree"
    return Subject(name, blob, DeviceTree(blob, name), board_named(machine), source_map=SourceMap(name))


def _disagreements(prediction: Prediction, observation: Observation) -> list[Disagreement]:
    if bool(prediction.failure) != bool(observation.failure):
        boots = "it boots"
        return [Disagreement("boot", prediction.failure or boots, observation.failure or boots)]
    if prediction.failure:
        return []
    found = []
    for path in sorted(prediction.nodes.keys() | observation.devices.keys()):
        probe = prediction.nodes.get(path)
        observed = observation.outcome(path)
        if probe is None:
            found.append(Disagreement(path, "nothing", observed))
        elif probe.outcome == POPULATED and observed in (OTHER_DRIVER, NO_DRIVER):
            continue  # which driver gets what is not for ours is not predicted
        elif probe.outcome != observed:
            found.append(Disagreement(path, f"{probe.outcome} ({probe.reason})", observed))
        elif probe.features is not None and probe.features != observation.features.get(path):
            enabled = f"features {observation.features.get(path, 0):#x}"
            found.append(Disagreement(path, f"features {int(probe.features):#x} ({probe.reason})", enabled))
    return found


def _without_line(subject: Subject, observation: Observation) -> list[Disagreement]:
    """Return the devices whose driver waits for an interrupt, at an input of the MPIC, that cannot come."""
    found = []
    for path, probe in subject.prediction.nodes.items():
        if probe.features is None or Feature.EVENTS not in probe.features or path in observation.connected:
            continue
        node = subject.tree.find(path)
        interrupt = subject.interrupts.first(node) if node is not None else None
        if isinstance(interrupt, Interrupt) and interrupt.source < SOURCES:
            line = f"an interrupt line to source {interrupt.source}"
            found.append(Disagreement(path, line, "its line is connected to nothing"))
    return found

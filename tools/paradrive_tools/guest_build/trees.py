# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines' device trees, compiled by dtc with every check on; a warning is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD, TREE_SOURCES
from paradrive_tools.guest_build.tools import first_complaint, run, tool

if TYPE_CHECKING:
    from pathlib import Path

DTC = "dtc"
#: Checks that dtc leaves off unless asked for.
_EXTRA_CHECKS = ("-W", "property_name_chars_strict", "-W", "node_name_chars_strict")


#: The sources, by machine and CPU.
_TREES = {
    ("ppce500", "e500v2"): "ppce500",
    ("ppce500", "e500mc"): "ppce500-e500mc",
    ("mpc8544ds", "e500v2"): "mpc8544ds",
}


def tree_of(machine: str, cpu: str) -> str:
    """Return the name of the machine's tree with this CPU; BuildError where there is none."""
    if (machine, cpu) not in _TREES:
        raise BuildError(f"there is no device tree of a machine {machine} with the CPU {cpu}")
    return _TREES[machine, cpu]


def ensure_tree(name: str) -> Path:
    """Return the blob of dts/``name``.dts, compiling it if need be."""
    blob = BUILD / "dts" / f"{name}.dtb"
    sources = sorted(TREE_SOURCES.glob("*.dts*"))
    source = TREE_SOURCES / f"{name}.dts"
    refresh(blob, (*sources, tool(DTC)), lambda: compile_tree(source, blob), recipe=_EXTRA_CHECKS)
    return blob


def compile_tree(source: Path, blob: Path) -> None:
    """Compile the tree ``source`` to ``blob``. Raises BuildError for an error or a warning."""
    command = [
        DTC,
        *_EXTRA_CHECKS,
        "-i",
        str(TREE_SOURCES),
        "-I",
        "dts",
        "-O",
        "dtb",
        "-o",
        str(blob),
        str(source),
    ]
    warnings = run(command, purpose=f"the device tree {source.name}")
    if warnings:
        blob.unlink(missing_ok=True)
        raise BuildError(f"dtc warns of {source.name}: {first_complaint(warnings.splitlines())}")

# SPDX-License-Identifier: GPL-2.0-or-later
"""What paradrive lint, dtc alone and dt-validate alone say of trees.

A tool has caught a tree when it fails at it, or says of it what it does not say of the machines' own trees.
(dt-validate dislikes the name of QEMU's bus, which nearly all trees have: that tells nothing apart.)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paradrive_dev.bench.process import BenchError, Program, sample
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.source.dtc import OPTIONAL_CHECKS
from paradrive_tools.lint.source.reading import read_tree
from paradrive_tools.lint.terms import EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: All checks: these, and those that are on unless they are turned off.
_DTC_CHECKS = (*OPTIONAL_CHECKS, "unique_unit_address_if_enabled")
_DTC_TIME_LIMIT = 10.0
#: What a tool "says" when it fails.
FAILS = "(fails)"


class Tree(NamedTuple):
    """A tree for the tools, as a source and compiled."""

    source: Path
    blob: Path


def compile_trees(sources: Sequence[Path], directory: Path) -> list[Tree]:
    """Compile sources into ``directory``, also those that dtc takes for errors, as far as they can be."""
    trees = []
    for number, source in enumerate(sources):
        blob = directory / f"{number}-{source.stem}.dtb"
        blob.write_bytes(read_tree(str(source)).blob)
        trees.append(Tree(source, blob))
    return trees


def executable(name: str) -> str:
    """Return a command that is installed beside the interpreter."""
    return str(Path(sys.executable).with_name(name))


def process_schemas(directory: Path) -> Path:
    """Return a file in ``directory`` with dtschema's schemas and the project's own, processed."""
    schemas = directory / "schemas.json"
    command = (executable("dt-mk-schema"), "-j", "-o", str(schemas), str(TREE_SOURCES / "bindings"))
    sample(Program(command, 0))
    return schemas


def of_lint(trees: Sequence[Tree]) -> dict[Path, set[str]]:
    """Return what paradrive lint says of each source."""
    sources = [str(tree.source) for tree in trees]
    command = (executable("paradrive"), "lint", "--format", "json", *sources)
    reports = json.loads(sample(Program(command, EXIT_FINDINGS, prints='"trees"')).output)["trees"]
    return {
        Path(report["name"]): {f"{finding['node']}: {finding['message']}" for finding in report["findings"]}
        for report in reports
    }


def of_dt_validate(trees: Sequence[Tree], schemas: Path) -> dict[Path, set[str]]:
    """Return what dt-validate says of each blob, by its source."""
    blobs = [str(tree.blob) for tree in trees]
    command = (sys.executable, "-m", "paradrive_dev.bench.lint_dt_validate", str(schemas), *blobs)
    answers = [json.loads(line) for line in sample(Program(command, 0)).output.splitlines()]
    return {
        tree.source: {FAILS} if answer is None else set(answer)
        for tree, answer in zip(trees, answers, strict=True)
    }


def of_dtc(trees: Sequence[Tree]) -> dict[Path, set[str]]:
    """Return what dtc says of each source, with all its checks."""
    return {tree.source: _of_dtc(tree.source) for tree in trees}


def _of_dtc(source: Path) -> set[str]:
    checks = [f"--warning={check}" for check in _DTC_CHECKS]
    command = ["dtc", *checks, "-I", "dts", "-O", "dtb", "-o", "/dev/null", str(source)]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_DTC_TIME_LIMIT, check=False
        )
    except OSError as error:
        raise BenchError(f"cannot execute dtc: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        return {FAILS}
    return set(result.stderr.splitlines()) | ({FAILS} if result.returncode != 0 else set())


def caught(said: Mapping[Path, set[str]], usual: Sequence[Path]) -> set[Path]:
    """Return the trees that a tool has caught: it ``said`` of them what it said of no ``usual`` one."""
    everywhere = set().union(*(said[path] for path in usual))
    return {path for path, complaints in said.items() if complaints - everywhere}

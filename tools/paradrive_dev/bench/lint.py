# SPDX-License-Identifier: GPL-2.0-or-later
"""The linter, against dt-validate and dtc: what each catches of the variants, and how long it takes.

``paradrive lint`` gets the sources, which it compiles; dt-validate gets them compiled, and its schemas
processed. Either gets all trees at once, and its process's start counts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive.host.inputs import InputError
from paradrive_dev.agreement.variants import variants
from paradrive_dev.bench.lint_verdicts import (
    FAILS,
    Tree,
    caught,
    compile_trees,
    executable,
    of_dt_validate,
    of_dtc,
    of_lint,
    process_schemas,
)
from paradrive_dev.bench.process import BenchError, Program, alternate, median_seconds
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.terms import EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paradrive_dev.agreement.variants import Variant

#: Trees whose time is measured.
TREES = 100
#: Each run takes several seconds; more would not change the median by much.
MAX_RUNS = 3


def measure(runs: int) -> dict[str, float]:
    """Return the figures of the linter; BenchError when that is not possible."""
    known = variants()
    sources = [*sorted(TREE_SOURCES.glob("*.dts")), *(variant.path for variant in known)]
    with tempfile.TemporaryDirectory() as name:
        schemas = process_schemas(Path(name))
        try:
            trees = compile_trees(sources, Path(name))
        except InputError as error:
            raise BenchError(str(error)) from None
        by_dt_validate = of_dt_validate(trees, schemas)
        figures = {
            **_verdicts("", of_lint(trees), known),
            **_verdicts("_dt_validate", by_dt_validate, known),
            **_verdicts("_dtc", of_dtc(trees), known),
        }
        figures["lint.missed"] = sum(not variant.is_good for variant in known) - figures["lint.caught"]
        # dt-validate would end at a tree that it fails at.
        readable = [tree for tree in trees if FAILS not in by_dt_validate[tree.source]]
        # The good ones first, and the machines' own.
        readable.sort(key=lambda tree: tree.source.parent.name == "bad")
        return {**figures, **_speed(readable[:TREES], schemas, min(runs, MAX_RUNS))}


def _verdicts(tool: str, said: Mapping[Path, set[str]], known: Sequence[Variant]) -> dict[str, int]:
    """Count the bad variants that a tool has caught, and the good ones."""
    own = [path for path in said if path.parent == TREE_SOURCES]
    found = caught(said, own)
    return {
        f"lint.caught{tool}": sum(variant.path in found for variant in known if not variant.is_good),
        f"lint.false_alarms{tool}": sum(variant.path in found for variant in known if variant.is_good),
    }


def _speed(trees: Sequence[Tree], schemas: Path, runs: int) -> dict[str, float]:
    """Measure the time that the two take for the same trees."""
    sources, blobs = [str(tree.source) for tree in trees], [str(tree.blob) for tree in trees]
    theirs = (executable("dt-validate"), "--show-unmatched", "--schema", str(schemas), *blobs)
    samples = alternate(
        "linting",
        {
            # A finding need not be in the file that was named: the note on a node is there for all.
            "ours": Program((executable("paradrive"), "lint", *sources), EXIT_FINDINGS, ": bound: it binds"),
            "dt-validate": Program(theirs, 0),
        },
        runs,
    )
    seconds = median_seconds(samples["ours"])
    return {
        "lint.trees_per_s": len(trees) / seconds,
        "lint.ratio_dt_validate": median_seconds(samples["dt-validate"]) / seconds,
    }

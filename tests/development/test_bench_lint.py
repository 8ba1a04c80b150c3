# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from paradrive_dev.agreement.variants import VARIANTS
from paradrive_dev.bench import lint_dt_validate
from paradrive_dev.bench.lint_dt_validate import complaints
from paradrive_dev.bench.lint_verdicts import (
    FAILS,
    caught,
    compile_trees,
    of_dt_validate,
    of_dtc,
    of_lint,
    process_schemas,
)
from paradrive_dev.bench.process import BenchError
from paradrive_tools.guest_build.paths import TREE_SOURCES

OWN = TREE_SOURCES / "ppce500.dts"
GOOD = VARIANTS / "good" / "two-cells.dts"
BAD = VARIANTS / "bad"


def test_what_is_said_of_the_machines_own_trees_tells_no_tree_apart() -> None:
    own, other, strange, failing = (Path(name) for name in ("own", "other", "strange", "failing"))
    said = {
        own: {"the bus has a name"},
        other: {"the bus has a name"},
        strange: {"the bus has a name", "reg is short"},
        failing: {FAILS},
    }
    assert caught(said, [own]) == {strange, failing}


def test_each_tool_catches_what_it_knows_of(tmp_path: Path) -> None:
    priority, overlap, refused = (
        BAD / "priority-256.dts",
        BAD / "same-address.dts",
        BAD / "duplicate-node.dts",
    )
    unreadable = BAD / "compatible-empty.dts"
    trees = compile_trees([OWN, GOOD, priority, overlap, refused, unreadable], tmp_path)
    # dt-validate fails at one of the trees, and goes on: the next one's verdict is there.
    trees.insert(1, trees.pop())
    assert caught(of_lint(trees), [OWN]) == {priority, overlap, refused, unreadable}
    assert caught(of_dtc(trees), [OWN]) == {refused}
    by_dt_validate = of_dt_validate(trees, process_schemas(tmp_path))
    assert by_dt_validate[unreadable] == {FAILS}
    assert caught(by_dt_validate, [OWN]) >= {priority, unreadable}
    assert caught(by_dt_validate, [OWN]).isdisjoint({GOOD, overlap})


def test_a_tree_without_end_does_not_keep_the_others_from_their_verdicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Endless:
        def check_dtb(self, name: str) -> None:
            while name:
                pass

    monkeypatch.setattr(lint_dt_validate, "TIME_LIMIT", 0.01)
    assert complaints(Endless(), "tree.dtb") is None


def test_a_missing_dtc_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = compile_trees([OWN], tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="dtc"):
        of_dtc(trees)

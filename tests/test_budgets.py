# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing runs a guest without a budget, and a loop around a run gives it what is left of one."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.cpu.vcpu import Vcpu
from paradrive.guest.agent import Agent
from paradrive.machine.run_loop import RunLoop
from paradrive.testing.booted import BootedGuest
from paradrive.testing.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("host-model/paradrive", "tools/paradrive_tools", "tools/paradrive_dev")
#: What tells how much of a budget is used up; a loop must look at one of these.
MEASURES = {"instructions", "spent"}
#: What is called ``run`` and runs no guest.
OTHERS = {"subprocess", "manager", "code"}


def runs(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of ``run`` of a guest, a machine or a core."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run":
            owner = ast.unparse(call.func.value)
            if owner.rpartition(".")[2].partition("(")[0] not in OTHERS:
                yield call


def loops_without_budget(source: str) -> list[str]:
    """Return the ``while`` loops of a source that run a guest as often as it likes."""
    return [
        ast.unparse(loop)
        for loop in ast.walk(ast.parse(source))
        if isinstance(loop, ast.While) and any(runs(loop)) and not looks_at_what_is_left(loop)
    ]


def looks_at_what_is_left(loop: ast.While) -> bool:
    """Tell whether the argument of the run in a loop depends on how much guests have run until then."""
    named = {
        name.id: assignment.value
        for assignment in ast.walk(loop)
        if isinstance(assignment, ast.Assign)
        for target in assignment.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }

    def measures(value: ast.AST, seen: frozenset[str] = frozenset()) -> bool:
        for node in ast.walk(value):
            if isinstance(node, ast.Attribute) and node.attr in MEASURES:
                return True
            known = isinstance(node, ast.Name) and node.id in named and node.id not in seen
            if known and measures(named[node.id], seen | {node.id}):
                return True
        return False

    return all(call.args and measures(call.args[0]) for call in runs(loop))


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((CHECKOUT / package).rglob("*.py"))]


def test_every_loop_around_a_run_looks_at_what_is_left_of_its_budget() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sources()}
    assert sum(any(runs(loop)) for text in texts.values() for loop in whiles(text)) >= 4
    assert {path.name: found for path, text in texts.items() if (found := loops_without_budget(text))} == {}


def whiles(source: str) -> list[ast.While]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.While)]


@pytest.mark.parametrize(
    "loop",
    [
        "while vcpu.run(BUDGET) is not RunExit.IDLE:\n    pass",
        "while True:\n    machine.run(1000, reset_limit=0)",
        "while True:\n    left = 1000\n    machine.run(left, reset_limit=0)",
        "while not reached:\n    for _ in range(3):\n        guest.run()",
    ],
)
def test_a_loop_without_a_budget_is_noticed(loop: str) -> None:
    assert loops_without_budget(loop)


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n    vcpu.run(end - vcpu.instructions)",
        "while True:\n    left = deadline - machine.spent\n    machine.run(min(left, SLICE), reset_limit=0)",
        "for _ in range(8):\n    machine.run(1000, reset_limit=0)",
        "while True:\n    subprocess.run(command)",
    ],
)
def test_a_loop_that_ends_is_left_alone(loop: str) -> None:
    assert loops_without_budget(loop) == []


@pytest.mark.parametrize("run", [Vcpu.run, RunLoop.run, Agent.connect])
def test_who_runs_a_machine_must_say_how_long(run: object) -> None:
    assert callable(run)
    assert inspect.signature(run).parameters["budget"].default is inspect.Parameter.empty


@pytest.mark.parametrize("run", [Guest.run, BootedGuest.run_until])
def test_what_a_test_calls_has_a_budget_of_its_own(run: object) -> None:
    assert callable(run)
    assert inspect.signature(run).parameters["budget"].default > 0

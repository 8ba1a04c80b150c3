# SPDX-License-Identifier: GPL-2.0-or-later
"""One session: runs the suites that are asked for where no kept run answers, compares, writes the figures."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from paradrive.host.outputs import write_output
from paradrive_dev.bench.process import BenchError
from paradrive_dev.suites.comparison import Comparison, Difference, compare
from paradrive_dev.suites.emulators import MACHINES, Run, SuiteError
from paradrive_dev.suites.guest import SUITES_BUILD, SuiteGuest, ensure_suite_guest
from paradrive_dev.suites.store import Store, run_key
from paradrive_tools.guest_build import BuildError
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from paradrive_dev.suites.matrix import Suite

FIGURES = BUILD / "suites.json"
#: How many differences a terminal shows of a suite; the file has all.
_SHOWN = 20


class Outcome(NamedTuple):
    """A suite that both machines have run."""

    suite: Suite
    qemu: Run
    model: Run
    comparison: Comparison


def run_suite(
    suite: Suite,
    store: Store,
    *,
    ensure_guest: Callable[[Suite], SuiteGuest] = ensure_suite_guest,
    machines: Mapping[str, Callable[[SuiteGuest], Run]] = MACHINES,
) -> Outcome:
    """Return the outcome of a suite, running what ``store`` does not have.

    Raises BuildError when its guest cannot be built, SuiteError when a machine does not run it to its end.
    """
    guest = ensure_guest(suite)
    runs = {}
    for name, machine in machines.items():
        key = run_key(guest, name)
        found = store.find(suite.name, name, key)
        if found is None:
            with progress(f"{suite.name} on {name}", 1):
                found = machine(guest)
            store.keep(suite.name, name, key, found)
        runs[name] = found
    comparison = compare(suite.name, runs["qemu"].console, runs["model"].console)
    return Outcome(suite, runs["qemu"], runs["model"], comparison)


def figures(outcomes: Iterable[Outcome], failures: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures of all suites together, and of each; ``failures`` are suites that did not end."""
    suites = {one.suite.name: _figures_of(one) for one in outcomes}
    summed = ("tests", "passed", "failed", "skipped", "differing", "explained")
    times = ("qemu_seconds", "model_seconds", "qemu_cpu_seconds", "model_cpu_seconds")
    total = {name: sum(suite[name] for suite in suites.values()) for name in summed}
    seconds = {name: round(sum(suite[name] for suite in suites.values()), 1) for name in times}
    return {**total, **seconds, "not_run_to_the_end": dict(failures), "suites": suites}


def _figures_of(one: Outcome) -> dict[str, Any]:
    found = one.comparison
    return {
        "kernel": one.suite.kernel.name,
        "memory_mib": one.suite.memory_mib,
        "tests": found.tests,
        "passed": found.passed,
        "failed": found.failed,
        "skipped": found.skipped,
        "differing": len(found.differing),
        "explained": len(found.explained),
        "instructions": one.model.instructions,
        "qemu_seconds": round(one.qemu.seconds, 1),
        "model_seconds": round(one.model.seconds, 1),
        "qemu_cpu_seconds": round(one.qemu.cpu_seconds, 1),
        "model_cpu_seconds": round(one.model.cpu_seconds, 1),
        "differences": [difference._asdict() for difference in found.differing],
        "explanations": [
            {**difference._asdict(), "reason": explanation.reason}
            for difference, explanation in found.explained
        ],
    }


def execute(suites: Sequence[Suite], target: Path = FIGURES) -> int:
    """Run ``suites``, write their figures to ``target``, and return the exit status.

    1 when anything differs that no explanation fits, or a suite was not run to its end.
    """
    store = Store(SUITES_BUILD)
    outcomes: list[Outcome] = []
    failures: dict[str, str] = {}
    for suite in suites:
        try:
            outcomes.append(run_suite(suite, store))
        except (BenchError, BuildError, SuiteError) as error:
            failures[suite.name] = str(error)
            print(f"paradrive: error: {suite.name}: {error}", file=sys.stderr)
        else:
            show(outcomes[-1])
    found = figures(outcomes, failures)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_output(str(target), [json.dumps(found, indent=1).encode(), b"\n"])
    print(f"{found['tests']} tests, {found['failed']} failed, {found['differing']} differing: {target}")
    return 1 if failures or found["differing"] else 0


def show(one: Outcome) -> None:
    """Print a suite's line, and the first of what differs."""
    found = one.comparison
    print(
        f"{one.suite.name}: {found.tests} tests, {found.passed} passed, {found.failed} failed, "
        f"{found.skipped} skipped, {len(found.differing)} differing, {len(found.explained)} explained; "
        f"QEMU {one.qemu.seconds:.1f} s, model {one.model.seconds:.1f} s",
        flush=True,
    )
    for difference in found.differing[:_SHOWN]:
        print(_described(difference))


def _described(difference: Difference) -> str:
    # What a guest prints may hold anything.
    return f"  qemu: {difference.qemu!r}\n  model: {difference.model!r}"

# SPDX-License-Identifier: GPL-2.0-or-later
"""One comparison of everything: the batches that remain, the report, and what to print."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paradrive_dev.fidelity import peer
from paradrive_dev.fidelity.batch import (
    CAPACITY,
    Result,
    compared_instruction,
    compared_instructions,
    run_batch,
)
from paradrive_dev.fidelity.errors import FidelityError
from paradrive_dev.fidelity.forms import SKIPPED_INSTRUCTIONS
from paradrive_dev.fidelity.store import Store, fingerprint, write_json
from paradrive_tools import exit_status
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The exit status when a mismatch has no explanation.
MISMATCH = 1
#: At most so many mismatches are described in the report, and printed.
_REPORTED, _PRINTED = 200, 10


class Batch(NamedTuple):
    """So many cases of one instruction, beginning with case ``first``."""

    core: str
    mnemonic: str
    first: int
    cases: int

    @property
    def name(self) -> str:
        """The name of its file, and the seed of its cases."""
        return f"{self.core}-{self.mnemonic}-{self.first}-{self.cases}"


def batches(cores: Sequence[str], cases: int) -> Iterator[Batch]:
    """Yield the batches that make up so many cases of every instruction of these cores."""
    for core in cores:
        for instruction in compared_instructions(core):
            for first in range(0, cases, CAPACITY):
                yield Batch(core, instruction.mnemonic, first, min(CAPACITY, cases - first))


def run(batch: Batch) -> Result:
    """Execute a batch; raises FidelityError."""
    instruction = compared_instruction(batch.core, batch.mnemonic)
    work = [(instruction, ordinal) for ordinal in range(batch.first, batch.first + batch.cases)]
    return run_batch(batch.core, work, batch.name)


def execute(cores: Sequence[str], cases: int, json_path: str | None) -> int:
    """Compare everything, write and print the report, and return the exit status.

    Raises InputError when the report, or what it is made of, cannot be written.
    """
    target = Path(json_path) if json_path else BUILD / "fidelity.json"
    try:
        store = Store(BUILD / "fidelity", fingerprint(peer.version()))
        results = compare(list(batches(cores, cases)), store)
    except FidelityError as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return exit_status.BAD_INPUT
    summary = report(results)
    write_json(target, summary)
    print_summary(summary)
    return MISMATCH if summary["mismatches"] else 0


def compare(wanted: Sequence[Batch], store: Store) -> dict[Batch, Result]:
    """Return the results of all batches; those that the store does not have are executed, on all CPUs.

    Raises FidelityError when one cannot be executed, InputError when a result cannot be written.
    """
    results = {batch: result for batch in wanted if (result := store.load(batch.name)) is not None}
    remaining = [batch for batch in wanted if batch not in results]
    if not remaining:
        return results
    with progress("comparing with QEMU", len(wanted)) as advance:
        advance(len(results))
        pool = ProcessPoolExecutor(os.cpu_count(), initializer=_leave_interrupts_to_parent)
        try:
            pending = {pool.submit(run, batch): batch for batch in remaining}
            for future in as_completed(pending):
                batch = pending[future]
                results[batch] = future.result()
                store.save(batch.name, results[batch])
                advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def report(results: dict[Batch, Result]) -> dict[str, Any]:
    """Return the report: totals, and by core what was executed, what differed and what was left out."""
    cases: dict[str, Counter[str]] = {}
    mismatches: dict[str, Counter[str]] = {}
    explained: dict[str, Counter[str]] = {}
    skipped: dict[str, dict[str, Counter[str]]] = {}
    for batch, result in sorted(results.items()):
        for totals, found in (
            (cases, result.cases),
            (mismatches, result.mismatches),
            (explained, result.explained),
        ):
            totals.setdefault(batch.core, Counter()).update(found)
        reasons = skipped.setdefault(batch.core, {})
        if result.skipped:
            reasons.setdefault(batch.mnemonic, Counter()).update(result.skipped)
    descriptions = [each for _, result in sorted(results.items()) for each in result.descriptions]
    return {
        "qemu": peer.version(),
        "cases": sum(sum(counts.values()) for counts in cases.values()),
        "instructions": {core: len(counts) for core, counts in cases.items()},
        "mismatches": sum(sum(counts.values()) for counts in mismatches.values()),
        "cases_by_instruction": cases,
        "mismatches_by_instruction": mismatches,
        "explained": explained,
        "skipped_instructions": SKIPPED_INSTRUCTIONS,
        "skipped_operands": skipped,
        "first_mismatches": descriptions[:_REPORTED],
    }


def print_summary(summary: dict[str, Any]) -> None:
    """Print the totals and the first mismatches."""
    counts = ", ".join(f"{number} instructions of {core}" for core, number in summary["instructions"].items())
    print(f"{summary['cases']:,} cases, {counts}: {summary['mismatches']} mismatches without an explanation")
    for each in summary["first_mismatches"][:_PRINTED]:
        print(f"{each['core']} {each['engine']}: {each['word']} {each['instruction']}")
        for name in ("operands", "expected", "got"):
            values = " ".join(f"{place}={value}" for place, value in each[name].items())
            print(f"  {name:8} {values}")

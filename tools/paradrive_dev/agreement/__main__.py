# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.agreement``: compare any number of trees; writes build/agreement.json."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from paradrive.host.inputs import InputError
from paradrive.host.outputs import write_output
from paradrive_dev.agreement.comparison import compare
from paradrive_dev.agreement.search import Tally, search_batch
from paradrive_dev.agreement.variants import good_blobs, variants
from paradrive_tools import exit_status
from paradrive_tools.command_line import OneLineParser
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.process import as_process

#: Trees that one search compares: a shorter one has less to shrink, a longer one shows progress less often.
BATCH = 50
DEFAULT_COUNT = 5_000
REPORT = BUILD / "agreement.json"


def main(arguments: list[str] | None = None) -> int:
    """Compare the variants and ``--count`` generated trees; return 0 if all agree, 1 if one does not.

    2 is for what keeps them from being compared: bad input, a tool that is missing, a full disk.
    """
    parser = OneLineParser(prog="agreement", description=__doc__)
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, metavar="N", help="generated trees")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), metavar="N", help="repeats a run")
    options = parser.parse_args(arguments)
    try:
        return _compare_all(options.count, options.seed)
    except (BuildError, InputError) as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return exit_status.BAD_INPUT


def _compare_all(count: int, seed: int) -> int:
    print(f"seed {seed}")
    tally = _compare_variants()
    tally.add(_search(count, seed))
    totals = {"trees": tally.trees, "agreed": tally.agreed, "disagreed": tally.disagreed}
    report = {**totals, "by_rule": dict(sorted(tally.by_rule.items()))}
    write_output(str(REPORT), [json.dumps(report, indent=2).encode() + b"\n"])
    print(f"{tally.trees} trees: {tally.agreed} agreed, {tally.disagreed} disagreed ({REPORT.name})")
    return int(tally.disagreed > 0)


def _compare_variants() -> Tally:
    tally = Tally()
    for variant in variants():
        comparison = compare(variant.blob(), variant.cpu, variant.machine)
        tally.count(comparison)
        for disagreement in comparison.disagreements:
            print(f"{variant.path.name}: {disagreement}")
    return tally


def _search(count: int, seed: int) -> Tally:
    """Search on all cores, in batches; print each disagreement that is found."""
    good = good_blobs()
    sizes = [min(BATCH, count - done) for done in range(0, count, BATCH)]
    tally = Tally()
    # A forked process would have the threads of this one's progress bar, half alive.
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=context) as pool,
        progress("comparing generated trees", count) as advance,
    ):
        batches = pool.map(partial(search_batch, good), sizes, range(seed, seed + len(sizes)))
        for size, (batch, complaint) in zip(sizes, batches, strict=True):
            tally.add(batch)
            if complaint:
                print(complaint)
            advance(size)
    return tally


if __name__ == "__main__":
    sys.exit(as_process(main))

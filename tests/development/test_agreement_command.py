# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparing predictions with what kernels do: what counts as a disagreement, and the command that counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from full_disk import room_for
from paradrive_dev.agreement import __main__ as command
from paradrive_dev.agreement import comparison, search
from paradrive_dev.agreement.comparison import Comparison, Disagreement, subject_of
from paradrive_dev.agreement.reality import NO_DRIVER, Observation
from paradrive_dev.agreement.search import Tally
from paradrive_dev.agreement.variants import variants
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.trees import ensure_tree
from paradrive_tools.lint.linux.outcome import BOUND, OTHER_DRIVER, POPULATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

PVCTL = "/platform@f00000000/pvctl@0"


@pytest.fixture(scope="module")
def tree() -> bytes:
    return ensure_tree("ppce500").read_bytes()


@pytest.fixture
def as_predicted(tree: bytes) -> Observation:
    """Return what is observed when all happens as it is predicted."""
    prediction = subject_of(tree).prediction
    features = {
        path: int(probe.features) for path, probe in prediction.nodes.items() if probe.features is not None
    }
    devices = {path: probe.outcome for path, probe in prediction.nodes.items()}
    return Observation(devices, None, "", features, connected=frozenset(features))


@pytest.fixture
def compared(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[[Observation], list[str]]:
    """Return what names that in which an observation of the tree disagrees."""

    def compare(observation: Observation) -> list[str]:
        monkeypatch.setattr(comparison, "observe", lambda *_: observation)
        return [found.what for found in comparison.compare(tree).disagreements]

    return compare


def test_what_happens_as_predicted_agrees(
    compared: Callable[[Observation], list[str]], as_predicted: Observation
) -> None:
    assert as_predicted.devices[PVCTL] == BOUND
    assert compared(as_predicted) == []


def test_each_thing_that_happens_otherwise_disagrees(
    compared: Callable[[Observation], list[str]], as_predicted: Observation
) -> None:
    devices = dict(as_predicted.devices)
    assert compared(as_predicted._replace(devices={**devices, "/ghost": NO_DRIVER})) == ["/ghost"]
    assert compared(as_predicted._replace(devices={**devices, PVCTL: NO_DRIVER})) == [PVCTL]
    del devices[PVCTL]
    assert compared(as_predicted._replace(devices=devices)) == [PVCTL]
    assert compared(as_predicted._replace(features={PVCTL: 0x1})) == [PVCTL]
    assert compared(as_predicted._replace(features={})) == [PVCTL]
    assert compared(as_predicted._replace(connected=frozenset())) == [PVCTL]
    assert compared(Observation({}, "it has reset itself", "")) == ["boot"]


def test_which_driver_takes_what_is_not_for_ours_is_not_predicted(
    compared: Callable[[Observation], list[str]], as_predicted: Observation
) -> None:
    others = {path: outcome for path, outcome in as_predicted.devices.items() if outcome == POPULATED}
    assert others
    for outcome in (OTHER_DRIVER, NO_DRIVER):
        observed = {**as_predicted.devices, **dict.fromkeys(others, outcome)}
        assert compared(as_predicted._replace(devices=observed)) == []


def disagreeing(tree: bytes, observed: str) -> Comparison:
    """Return a comparison with one disagreement."""
    found = [Disagreement(PVCTL, "bound", observed)]
    return Comparison(subject_of(tree), Observation({}, None, ""), found)


def test_a_disagreement_that_is_shrunk_counts_once(tree: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(blob: bytes) -> Comparison:
        return Comparison(
            subject_of(tree), Observation({}, None, ""), [Disagreement(PVCTL, "bound", blob.hex())]
        )

    monkeypatch.setattr(search, "compare", mistaken)
    tally, source = search.search_batch([tree], 5, 7)
    assert (tally.agreed, tally.disagreed) == (0, 1)
    assert "pvctl@0" in source


class InThisProcess:
    """A pool of processes that has none."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        return map(function, *arguments)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[int, int]]:
    """Let the command search without a guest; return how many trees, and from which seed, as it goes."""
    batches: list[tuple[int, int]] = []

    def agree(_good: Sequence[bytes], count: int, start: int) -> tuple[Tally, str]:
        batches.append((count, start))
        return Tally(agreed=count), ""

    monkeypatch.setattr(command, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(command, "search_batch", agree)
    monkeypatch.setattr(command, "good_blobs", list)
    monkeypatch.setattr(command, "variants", list)
    monkeypatch.setattr(command, "REPORT", tmp_path / "agreement.json")
    return batches


def test_every_batch_has_trees_of_its_own(searched: list[tuple[int, int]], tmp_path: Path) -> None:
    assert command.main(["--count", str(2 * command.BATCH + 7), "--seed", "1000"]) == 0
    assert sum(count for count, _ in searched) == 2 * command.BATCH + 7
    assert len({start for _, start in searched}) == len(searched) == 3
    report = json.loads((tmp_path / "agreement.json").read_text())
    assert (report["trees"], report["agreed"], report["disagreed"]) == (2 * command.BATCH + 7,) * 2 + (0,)


def test_a_disagreement_gives_status_1_and_is_counted_wherever_it_is_found(
    searched: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: bytes
) -> None:
    [variant, *_] = variants()
    with monkeypatch.context() as patch:
        patch.setattr(command, "variants", lambda: [variant])
        patch.setattr(command, "compare", lambda *_: disagreeing(tree, "not populated"))
        assert command.main(["--count", "3"]) == 1
    report = json.loads((tmp_path / "agreement.json").read_text())
    assert (report["trees"], report["agreed"], report["disagreed"]) == (4, 3, 1)
    monkeypatch.setattr(command, "search_batch", lambda *_: (Tally(disagreed=1), "the tree"))
    assert command.main(["--count", "3"]) == 1


def test_what_keeps_it_from_comparing_is_one_line(
    searched: list[tuple[int, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = tmp_path / "agreement.json"
    report.write_text("old")
    with room_for(10):
        assert command.main(["--count", "3"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("paradrive: error: ") and str(report) in error
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]

    def missing() -> list[bytes]:
        raise BuildError("no compiler")

    monkeypatch.setattr(command, "good_blobs", missing)
    assert command.main(["--count", "3"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("paradrive: error: ")

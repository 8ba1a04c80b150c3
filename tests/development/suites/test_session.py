# SPDX-License-Identifier: GPL-2.0-or-later
"""A session runs what has not been run yet, and tells what differs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from paradrive_dev.suites import session, store
from paradrive_dev.suites.emulators import Run, SuiteError
from paradrive_dev.suites.guest import SuiteGuest
from paradrive_dev.suites.matrix import SUITES, Suite
from paradrive_dev.suites.session import execute, run_suite
from paradrive_dev.suites.store import Store
from paradrive_tools.guest_build.configuration import KernelConfiguration

SUITE = Suite("small", KernelConfiguration("e500v2"))


class Machines:
    """Stand for both machines: each says what it is told to, and how often it was run is counted."""

    def __init__(self, directory: Path) -> None:
        self.consoles = {"qemu": "ok 1 a\nok 2 b\n", "model": "ok 1 a\nok 2 b\n"}
        self.runs: list[str] = []
        self._directory = directory

    def ensure_guest(self, suite: Suite) -> SuiteGuest:
        files = [self._directory / name for name in ("vmlinux", "initrd", "dtb")]
        for file in files:
            if not file.exists():
                file.write_text(file.name)
        return SuiteGuest(suite, *files)

    def run(self, name: str) -> Run:
        self.runs.append(name)
        if not self.consoles[name]:
            raise SuiteError("killed after 1 s")
        return Run(self.consoles[name], 1.5, 1.25, 10 if name == "model" else None)

    def run_suite(self, suite: Suite, kept: Store) -> session.Outcome:
        machines = {name: lambda guest, name=name: self.run(name) for name in self.consoles}
        return run_suite(suite, kept, ensure_guest=self.ensure_guest, machines=machines)


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    return Store(tmp_path / "kept")


def test_what_has_been_run_is_not_run_again(machines: Machines, kept: Store) -> None:
    first = machines.run_suite(SUITE, kept)
    assert machines.runs == ["qemu", "model"]
    assert machines.run_suite(SUITE, kept) == first
    assert machines.runs == ["qemu", "model"]


def test_a_session_that_was_killed_continues_with_what_was_not_run(machines: Machines, kept: Store) -> None:
    machines.consoles["model"] = ""
    with pytest.raises(SuiteError):
        machines.run_suite(SUITE, kept)
    machines.consoles["model"] = machines.consoles["qemu"]
    machines.run_suite(SUITE, kept)
    assert machines.runs == ["qemu", "model", "model"]


@pytest.mark.parametrize("changed", ["vmlinux", "initrd", "dtb"])
def test_another_guest_is_run_again(machines: Machines, kept: Store, tmp_path: Path, changed: str) -> None:
    machines.run_suite(SUITE, kept)
    (tmp_path / changed).write_text("another one")
    machines.run_suite(SUITE, kept)
    assert machines.runs == ["qemu", "model"] * 2


def test_another_size_of_memory_is_run_again(machines: Machines, kept: Store) -> None:
    machines.run_suite(SUITE, kept)
    machines.run_suite(replace(SUITE, memory_mib=1024), kept)
    assert machines.runs == ["qemu", "model"] * 2


def test_another_version_of_the_model_is_run_again_and_qemu_is_not(
    machines: Machines, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.run_suite(SUITE, kept)
    version = store.machine_version
    changed = {"model": "another"}
    monkeypatch.setattr(store, "machine_version", lambda machine: changed.get(machine) or version(machine))
    machines.run_suite(SUITE, kept)
    assert machines.runs == ["qemu", "model", "model"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1, "run": {"console": 1}}', b"\xff"])
def test_a_damaged_run_is_run_again(machines: Machines, kept: Store, tmp_path: Path, damage: bytes) -> None:
    machines.run_suite(SUITE, kept)
    for file in (tmp_path / "kept").rglob("*.json"):
        file.write_bytes(damage)
    machines.run_suite(SUITE, kept)
    assert machines.runs == ["qemu", "model"] * 2


def test_the_figures_have_the_suites_that_ran_and_those_that_did_not_end(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "SUITES_BUILD", tmp_path / "kept")
    monkeypatch.setattr(session, "run_suite", machines.run_suite)
    one, other, hangs = (replace(SUITE, name=name) for name in ("one", "other", "hangs"))
    target = tmp_path / "suites.json"
    assert execute([one], target) == 0

    machines.consoles["model"] = "ok 1 a\nnot ok 2 b\n"
    assert execute([one, other], target) == 1
    machines.consoles["qemu"] = ""
    assert execute([one, other, hangs], target) == 1
    assert "hangs" in capsys.readouterr().err
    found = json.loads(target.read_text())
    assert [found[name] for name in ("tests", "passed", "failed", "differing")] == [4, 3, 1, 1]
    assert found["qemu_seconds"] == 3.0
    assert list(found["suites"]) == ["one", "other"]
    assert found["suites"]["other"]["differences"] == [{"qemu": "b: passed", "model": "b: failed"}]
    assert list(found["not_run_to_the_end"]) == ["hangs"]

    machines.consoles["qemu"] = machines.consoles["model"]
    assert execute([one, hangs], target) == 0
    assert list(json.loads(target.read_text())["suites"]) == ["one", "hangs"]


def test_every_suite_of_the_matrix_has_a_name_and_a_kernel_of_fragments_that_there_are() -> None:
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    for suite in SUITES:
        assert suite.kernel.settings()

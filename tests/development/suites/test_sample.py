# SPDX-License-Identifier: GPL-2.0-or-later
"""A small suite, run on QEMU and on the model: the same tests with the same results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from paradrive_dev.suites.comparison import compare
from paradrive_dev.suites.emulators import Run, run_model, run_qemu
from paradrive_dev.suites.guest import SuiteGuest, ensure_suite_guest
from paradrive_dev.suites.matrix import SUITES
from paradrive_tools.guest_build import BuildError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def guest() -> SuiteGuest:
    [sample] = [suite for suite in SUITES if suite.name == "sample"]
    try:
        return ensure_suite_guest(sample)
    except BuildError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="module")
def qemu(guest: SuiteGuest) -> Run:
    return run_qemu(guest)


def test_both_machines_pass_the_same_tests(guest: SuiteGuest, qemu: Run) -> None:
    model = run_model(guest)
    found = compare(guest.suite.name, qemu.console, model.console)
    assert found.differing == []
    assert found.failed == 0
    assert found.passed >= len(guest.suite.kselftests)
    assert model.instructions


def test_a_guest_that_is_another_one_on_the_model_differs(
    guest: SuiteGuest, qemu: Run, tmp_path: Path
) -> None:
    other = tmp_path / "initramfs.cpio"
    # One of the programs is not found there.
    contents = guest.initrd.read_bytes()
    changed = contents.replace(b"/tests/sigaltstack/sas\n", b"/tests/sigaltstack/saz\n")
    assert changed != contents
    other.write_bytes(changed)
    model = run_model(replace(guest, initrd=other))
    differing = compare(guest.suite.name, qemu.console, model.console).differing
    assert any("sas" in str(difference.qemu) and difference.model is None for difference in differing)

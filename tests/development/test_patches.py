# SPDX-License-Identifier: GPL-2.0-or-later
"""The series for Linux, made and applied on a kernel that has only the files which it changes."""

from __future__ import annotations

import os
from contextlib import nullcontext
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from paradrive_dev.patches import Series
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.paths import DRIVER_SOURCES
from paradrive_tools.guest_build.upstream import Insertion

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

SENDER = "A. Author <author@example.org>"
FILES = {
    "MAINTAINERS": "PARALLEL PORT SUBSYSTEM\nS:\tOrphan\n\nPARAVIRT_OPS INTERFACE\nS:\tSupported\n",
    "drivers/power/reset/Kconfig": "if POWER_RESET\n\nconfig POWER_RESET_QNAP\n\tbool\n\nendif\n",
    "drivers/power/reset/Makefile": "obj-$(CONFIG_POWER_RESET_QNAP) += qnap-poweroff.o\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    directory = tmp_path / "linux"
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
    return directory


@pytest.fixture
def series(tree: Path) -> Series:
    return Series(tree, SENDER)


@pytest.fixture
def patches(series: Series, tmp_path: Path) -> list[Path]:
    destination = tmp_path / "patches"
    series.write(destination)
    letter, *patches = sorted(destination.iterdir())
    assert letter.name == "0000-cover-letter.patch"
    return patches


def message(patch: Path) -> EmailMessage:
    return message_from_bytes(patch.read_bytes(), policy=default)


def test_the_binding_comes_before_the_driver(patches: list[Path]) -> None:
    binding, driver = (message(patch)["Subject"] for patch in patches)
    assert "dt-bindings:" in binding
    assert "dt-bindings:" not in driver


def test_every_patch_is_from_the_sender_and_signed_off(patches: list[Path]) -> None:
    for patch in patches:
        assert message(patch)["From"] == f'"{SENDER.partition(" <")[0]}" <author@example.org>'
        assert f"\nSigned-off-by: {SENDER}\n" in patch.read_text()


def test_the_binding_is_maintained_by_the_sender(series: Series, tree: Path, patches: list[Path]) -> None:
    series.apply(patches)
    binding = (tree / "Documentation/devicetree/bindings/power/reset/qemu,pvctl.yaml").read_text()
    assert f"\nmaintainers:\n  - {SENDER}\n\n" in binding


def test_applied_series_adds_the_driver_as_it_is(series: Series, tree: Path, patches: list[Path]) -> None:
    series.apply(patches)
    for name in ("pvctl.c", "pvctl_regs.h"):
        added = tree / "drivers/power/reset" / name
        assert added.read_bytes() == (DRIVER_SOURCES / name).read_bytes()
    assert (tree / "drivers/power/reset/Makefile").read_text() == (
        "obj-$(CONFIG_POWER_RESET_PVCTL) += pvctl.o\nobj-$(CONFIG_POWER_RESET_QNAP) += qnap-poweroff.o\n"
    )
    kconfig = (tree / "drivers/power/reset/Kconfig").read_text()
    assert [line for line in kconfig.splitlines() if line.startswith(("if", "config", "endif"))] == [
        "if POWER_RESET",
        "config POWER_RESET_PVCTL",
        "config POWER_RESET_QNAP",
        "endif",
    ]


def test_each_patch_leaves_a_maintainer_of_just_what_is_there(
    series: Series, tree: Path, patches: list[Path]
) -> None:
    for count in (1, 2):
        series.apply(patches[:count])
        before, entry, after = (tree / "MAINTAINERS").read_text().split("\n\n")
        assert before.startswith("PARALLEL PORT")
        assert after.startswith("PARAVIRT_OPS")
        assert f"\nM:\t{SENDER}\n" in entry
        files = [line[3:] for line in entry.splitlines() if line.startswith("F:\t")]
        assert len(files) == (1, 4)[count - 1]
        assert all((tree / file).is_file() for file in files)


@pytest.mark.parametrize("status", [0, 1])
def test_a_finding_of_checkpatch_ends_the_series(
    series: Series, tree: Path, patches: list[Path], status: int
) -> None:
    checkpatch = tree / "scripts" / "checkpatch.pl"
    checkpatch.parent.mkdir()
    checkpatch.write_text(f"#!/bin/sh\necho $4:7: CHECK: a blank line; exit {status}\n")
    checkpatch.chmod(0o755)
    with pytest.raises(BuildError, match=patches[0].name) if status else nullcontext():
        series.check(patches)


#: A make whose compiler warns: an error where warnings are errors.
WARNING_MAKE = """#!/bin/sh
echo "pvctl.c:1: warning: unused"
case "$*" in *-Werror*) echo "pvctl.c:1: error: unused"; exit 2;; esac
"""


def test_a_warning_of_the_compiler_ends_the_series(
    series: Series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text(WARNING_MAKE)
    make.chmod(0o755)
    monkeypatch.setenv("PATH", f"{make.parent}{os.pathsep}{os.environ['PATH']}")
    kernel = tmp_path / "kernel"
    kernel.mkdir()
    (kernel / ".config").write_text("CONFIG_PPC=y\n")
    with pytest.raises(BuildError, match=r"pvctl\.c:1"):
        series.build(kernel)


@pytest.mark.parametrize("content", ["", "config A\nconfig A\n"])
def test_insertion_without_its_one_place_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "Kconfig").write_text(content)
    with pytest.raises(BuildError, match=r"Kconfig.*config A"):
        Insertion("Kconfig", "config A", "config B\n").make(tmp_path)
    assert (tmp_path / "Kconfig").read_text() == content

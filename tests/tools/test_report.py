# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a run tells what has happened, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from run_command import Run


@pytest.fixture
def report(run: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what runs a program and returns its report."""

    def run_program(program: str, *options: str) -> dict[str, Any]:
        path = tmp_path / "report.json"
        run(program, "--json", str(path), *options)
        result: dict[str, Any] = json.loads(path.read_text())
        return result

    return run_program


def test_time_of_the_guest_is_in_seconds(report: Callable[..., dict[str, Any]]) -> None:
    told = report("li 3, 100 ; mtctr 3 ; bdnz . ; shutdown 0 ; b .")
    # An instruction takes a nanosecond.
    assert told["instructions"] > 100
    assert told["guest_seconds"] == pytest.approx(told["instructions"] / 1e9, abs=2e-9)


def test_instructions_that_the_core_lacks_are_counted(report: Callable[..., dict[str, Any]]) -> None:
    program = (
        "lis 3, 0 ; mtspr 63, 3 ; li 3, 0x700 ; mtspr 406, 3 ; fadd 1, 2, 3\n.org 0x700\nshutdown 0 ; b ."
    )
    assert report(program)["unimplemented"] == {".long 0xfc22182a": 1}


def test_resets_are_counted(report: Callable[..., dict[str, Any]]) -> None:
    assert report("store32 rstcr, 2 ; b .", "--reset-limit", "2")["resets"] == 2


def test_a_device_without_a_model_is_a_warning(
    report: Callable[..., dict[str, Any]], files: dict[str, Path], compile_tree: Callable[[str], bytes]
) -> None:
    source = """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                / { platform@f00000000 { thing@9000 { compatible = "acme,thing"; }; }; };"""
    files["dtb"].write_bytes(compile_tree(source))
    (warning,) = report("shutdown 0 ; b .")["warnings"]
    assert "thing@9000" in warning

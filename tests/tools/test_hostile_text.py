# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``paradrive run`` says of a guest cannot be made to steer the terminal, or a reader of its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from run_command import PRINT_STRING

from paradrive.cpu.clock import Clock
from paradrive.devices.bus import MmioAccess
from paradrive_tools.run.mmio_trace import MmioTrace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from run_command import Run


def test_what_a_guest_tells_of_its_panic_does_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    forged = "Kernel panic - not syncing: \\033[2J\\033]0;owned\\007" + "x" * 3000
    report = tmp_path / "report.json"
    status, output, _ = run(f'{PRINT_STRING}string: .asciz "{forged}\\n"', "--json", str(report))
    console, verdict = output.splitlines()
    assert status == 4
    # The console is a console.
    assert "\x1b[2J" in console
    for text in (verdict, json.loads(report.read_text())["message"]):
        assert "Kernel panic - not syncing" in text
        assert text.isprintable()
        assert len(text) < 1200


def test_what_a_tree_says_is_bounded_in_warnings(
    run: Run, files: dict[str, Path], compile_tree: Callable[[str], bytes], tmp_path: Path
) -> None:
    files["dtb"].write_bytes(
        compile_tree(
            """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
            / { platform@f00000000 { thing@9000 { compatible = "%s\\x1b[2J"; }; }; };"""
            % ("x" * 10_000)
        )
    )
    report = tmp_path / "report.json"
    _, _, errors = run("shutdown 0 ; b .", "--json", str(report))
    (warning,) = json.loads(report.read_text())["warnings"]
    for text in (warning, errors.removesuffix("\n")):
        assert "thing@9000" in text
        assert text.isprintable()
        assert len(text) < 1200


def test_a_name_with_a_blank_is_one_column_of_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with MmioTrace(str(path), Clock()) as trace:
        trace.record(MmioAccess("a b@0", "ID", 0, 4, is_write=False, value=1))
    (line,) = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(line.split()) == 6

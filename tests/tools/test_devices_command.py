# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive devices`` documents classes that a user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive_tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''
"""A widget."""
from paradrive.devices import *

class Widget(RegisterDevice):
    compatible = ("acme,widget",)
    byte_order = "little"
    done = Interrupt("done")
    later = Timer()
    jobs = State(list)
    GO = Register(0, WO, "Goes | stays.")
    RING = Register(4, RW, "A ring.", region="rings", width=8, widths=(4,))
    DATA = Fifo(8, RO, "Data.", depth=5)
    TABLE = Window(0x100, 64, RW, "A table.")
'''


@pytest.fixture(autouse=True)
def _in_a_directory_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "widget_of_the_docs.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])


def test_everything_declared_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "widget_of_the_docs:Widget"]) == 0
    text = capsys.readouterr().out
    for name in ("Widget", "acme,widget", "GO", "RING", "rings", "DATA", "TABLE", "done", "later", "jobs"):
        assert name in text
    assert "little" in text
    # A table is one only if each row has as many cells as its heading.
    rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}
    assert len(rows) == 6


@pytest.mark.parametrize("name", ["nothing:X", "widget_of_the_docs:Nothing", "widget_of_the_docs:RO", "x"])
def test_what_is_no_device_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", name]) == 2
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert name in printed.err

# SPDX-License-Identifier: GPL-2.0-or-later
"""The bounds of the tools that read what the linter is given."""

from __future__ import annotations

import pytest

from paradrive.machine.inputs import InputError
from paradrive_tools.lint import bounded_process
from paradrive_tools.lint.bounded_process import run_bounded


def test_what_a_tool_writes_and_its_exit_status_are_returned() -> None:
    result = run_bounded(["sh", "-c", "cat; echo why >&2; exit 3"], b"tree", "t.dts")
    assert (result.status, result.output, result.messages) == (3, b"tree", ["why"])


def test_a_tool_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_process, "TIME_LIMIT", 0.05)
    with pytest.raises(InputError, match=r"t\.dts: sleep takes longer than 0\.05 s"):
        run_bounded(["sleep", "1000"], b"", "t.dts")

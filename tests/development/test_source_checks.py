# SPDX-License-Identifier: GPL-2.0-or-later
"""``make check``: whatever a check finds fails it, and one that cannot run is no success."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive_dev import source_checks
from paradrive_tools.guest_build import BuildError
from paradrive_tools.guest_build.driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable


def missing() -> str:
    raise BuildError("sparse is not installed")


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([str, str], 0),
        ([lambda: "a.py:1: wrong", str], 1),
        ([str, lambda: "\na.py:1: wrong\n"], 1),
        ([str, lambda: "\n"], 0),
        ([lambda: "a.py:1: wrong", missing], 2),
    ],
)
def test_the_status_tells_whether_anything_was_found(
    monkeypatch: pytest.MonkeyPatch, checks: list[Callable[[], str]], status: int
) -> None:
    monkeypatch.setattr(source_checks, "ensure_kernel", Path)
    monkeypatch.setattr(source_checks, "checks", lambda _: dict(enumerate(checks)))
    assert source_checks.main("e500v2") == status


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("", False),
        ("print('a.py:1: a warning')", True),
        ("import sys; print('a.py:1: wrong', file=sys.stderr)", True),
        ("raise SystemExit(3)", True),
    ],
)
def test_a_tool_has_found_something_when_it_says_so_or_fails_in_silence(program: str, found: bool) -> None:
    assert bool(source_checks._output([sys.executable, "-S", "-c", program])) == found


def test_sparse_is_heard_for_every_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def make(driver: Driver, *_: object) -> str:
        return f"  CC {driver.module}\n{driver.module}.c:1: warning: wrong\n"

    monkeypatch.setattr(Driver, "make", make)
    monkeypatch.setattr(Driver, "copy", lambda *_: None)
    heard = source_checks.sparse(tmp_path)
    assert [driver.module for driver in source_checks.DRIVERS if f"{driver.module}.c:1" not in heard] == []
    assert "CC" not in heard


def test_all_sources_of_the_guest_are_read_by_checkpatch() -> None:
    read = {path.name for path in source_checks.guest_files()}
    assert {"pvctl.c", "pvctl_regs.h", "init.c", "agent.c", "ktap.h", "Kconfig", "Makefile"} <= read

# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees as files, and ``paradrive lint`` as tests call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from paradrive_tools.cli import main

if TYPE_CHECKING:
    from pathlib import Path

#: A whole tree of the ppce500; what is added to it follows on line 5.
PPCE500 = """\
/dts-v1/;
/include/ "ppce500.dtsi"
/include/ "e500v2.dtsi"

"""


class Output(NamedTuple):
    status: int
    out: str
    err: str


class WriteTree(Protocol):
    def __call__(self, addition: str, name: str = "tree.dts", base: str = PPCE500) -> str: ...


class Lint(Protocol):
    def __call__(self, *arguments: str) -> Output: ...


@pytest.fixture
def write_tree(tmp_path: Path) -> WriteTree:
    """Return what writes a source, the ppce500's with an addition, and returns its name."""

    def write(addition: str, name: str = "tree.dts", base: str = PPCE500) -> str:
        (tmp_path / name).write_text(base + addition)
        return str(tmp_path / name)

    return write


@pytest.fixture
def lint(capfd: pytest.CaptureFixture[str]) -> Lint:
    """Return what executes ``paradrive lint``."""

    def execute(*arguments: str) -> Output:
        status = main(["lint", *arguments])
        return Output(status, *capfd.readouterr())

    return execute

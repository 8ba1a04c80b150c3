# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents tell a driver author works: the tests pass, and every file is there."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from paradrive_tools.guest_build.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = (
    "README.md",
    "docs/architecture.md",
    "docs/devices-of-your-own.md",
    "docs/devices.md",
    "docs/fidelity.md",
    "docs/lint.md",
    "docs/testing.md",
    "docs/virtio.md",
)
DOCUMENTS_WITH_TESTS = ("README.md", "docs/devices-of-your-own.md", "docs/testing.md", "docs/virtio.md")


def documented_tests(document: str) -> dict[str, Callable[..., None]]:
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for source in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(source, names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


def as_parameter(name: str, test: Callable[..., None]) -> Any:
    return pytest.param(test, id=name, marks=getattr(test, "pytestmark", []))


@pytest.mark.parametrize(
    "test",
    [as_parameter(*item) for document in DOCUMENTS_WITH_TESTS for item in documented_tests(document).items()],
)
def test_a_documented_test_passes(request: pytest.FixtureRequest, test: Callable[..., None]) -> None:
    wanted = inspect.signature(test).parameters
    test(**{name: request.getfixturevalue(name) for name in wanted})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_links_exists(document: str) -> None:
    path = CHECKOUT / document
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []

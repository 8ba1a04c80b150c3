# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents tell a driver author works: the first test passes, and every file is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from paradrive_tools.guest_build.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

DOCUMENTS = ("README.md", "docs/architecture.md", "docs/devices.md")


def first_tests() -> dict[str, Callable[..., None]]:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(source, names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


@pytest.mark.parametrize("name", first_tests())
def test_a_first_test_of_the_readme_passes(boot: Callable[..., Guest], name: str) -> None:
    first_tests()[name](boot)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_links_exists(document: str) -> None:
    path = CHECKOUT / document
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []

# SPDX-License-Identifier: GPL-2.0-or-later
"""The sources keep to the project's own rules: imports go one way."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from setuptools import find_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "host-model" / "paradrive"
PRODUCT_TOOLS = CHECKOUT / "tools" / "paradrive_tools"
#: Not installed with the product.
DEVELOPMENT_TOOLS = "paradrive_dev"
#: Each layer may import from itself and from those before it.
LAYERS = ("host", "isa", "cpu", "devicetree", "devices", "machine", "guest", "testing")


def imported_names(source: str) -> Iterator[str]:
    """Yield the full name of each module or object that is imported, wherever in the source it is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # What a relative import names depends on the file; without a package it is no layer.
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def forbidden_imports(layer: str, source: str) -> list[str]:
    """Return what a file of ``layer`` imports although it must not."""
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    forbidden = []
    for name in imported_names(source):
        package, _, rest = name.partition(".")
        outside = package == "paradrive" and rest.partition(".")[0] not in ("", "__version__", *allowed)
        if outside or package in ("", "paradrive_tools", DEVELOPMENT_TOOLS) or is_import_at_will(name):
            forbidden.append(name)
    return forbidden


def is_import_at_will(name: str) -> bool:
    """Tell whether this imports what the rules here cannot see; metadata only tells what is installed."""
    return name.partition(".")[0] == "importlib" and not name.startswith("importlib.metadata.")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_from_those_before_it(layer: str) -> None:
    files = sorted((PACKAGE / layer).rglob("*.py"))
    assert files
    found = {file.name: forbidden_imports(layer, file.read_text(encoding="utf-8")) for file in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_every_package_of_the_host_model_is_a_layer() -> None:
    packages = {file.parent.relative_to(PACKAGE).parts[0] for file in PACKAGE.glob("*/**/*.py")}
    assert packages == set(LAYERS)
    assert list(imported_names((PACKAGE / "__init__.py").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import paradrive.machine.machine",
        "from paradrive.machine import machine",
        "from paradrive import machine",
        "def late():\n    from paradrive.guest.console import Console",
        "from ..machine import board",
        "from .. import machine",
        "import paradrive_tools.run",
        "from paradrive_tools import run",
        "from paradrive_dev import bench",
        "import importlib",
    ],
)
def test_an_import_against_the_order_is_found(statement: str) -> None:
    assert forbidden_imports("devices", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "import paradrive",
        "from paradrive.cpu.clock import Clock",
        "from paradrive import devices",
        "import io",
    ],
)
def test_an_import_in_the_order_is_allowed(statement: str) -> None:
    assert forbidden_imports("devices", statement) == []


def test_the_users_tools_import_none_of_the_developers() -> None:
    files = sorted(PRODUCT_TOOLS.rglob("*.py"))
    assert files
    names = {file: list(imported_names(file.read_text(encoding="utf-8"))) for file in files}
    found = {file.name for file in files if any(re.match(rf"{DEVELOPMENT_TOOLS}\b", n) for n in names[file])}
    assert found == set()


def test_all_packages_are_installed_but_the_developers() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    finding = settings["tool"]["setuptools"]["packages"]["find"]
    found = {
        name for place in finding["where"] for name in find_packages(CHECKOUT / place, (), finding["include"])
    }
    present = {
        ".".join(file.parent.relative_to(CHECKOUT / place).parts)
        for place in finding["where"]
        for file in (CHECKOUT / place).rglob("__init__.py")
    }
    assert found == {name for name in present if name.partition(".")[0] != DEVELOPMENT_TOOLS} < present


def test_only_one_module_of_the_product_starts_child_processes() -> None:
    product = (PACKAGE, PRODUCT_TOOLS / "lint", PRODUCT_TOOLS / "guest_build")
    starting = re.compile(
        r"subprocess\.(run|call|check_\w+)\(|\bPopen\(|\bos\.(system|popen|fork|posix_spawn)"
    )
    files = [file for package in product for file in package.rglob("*.py")]
    found = {file.name for file in files if starting.search(file.read_text(encoding="utf-8"))}
    assert found == {"bounded_process.py"}

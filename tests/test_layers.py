# SPDX-License-Identifier: GPL-2.0-or-later
"""The sources keep to the project's own rules: imports go one way."""

from __future__ import annotations

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from setuptools import find_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "host-model" / "paradrive"
TOOLS = CHECKOUT / "tools"
PRODUCT_TOOLS = TOOLS / "paradrive_tools"
#: Not installed with the product.
DEVELOPMENT_TOOLS = "paradrive_dev"
#: Each layer may import from itself and from those before it.
LAYERS = ("host", "isa", "cpu", "devicetree", "devices", "machine", "guest", "testing")
SUB_COMMANDS = ("devices", "lint", "run")
#: So may the parts of the users' tools, and those of the linter. No sub-command imports another.
PARTS = {
    "paradrive_tools": (
        *("exit_status", "process", "options", "command_line", "guest_build"),
        *SUB_COMMANDS,
        "cli",
    ),
    "paradrive_tools.lint": (
        *("terms", "finding", "source", "linux", "kconfig", "driver", "subject"),
        *("schema", "rules", "judgement", "output", "session", "command"),
    ),
}


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


def parts_of(package: str) -> dict[str, list[Path]]:
    """Return the files of each module and sub-package of a package of the tools."""
    directory = TOOLS.joinpath(*package.split("."))
    modules = {file.stem: [file] for file in directory.glob("*.py") if file.stem != "__init__"}
    return modules | {
        file.parent.name: [*file.parent.rglob("*.py")] for file in directory.glob("*/__init__.py")
    }


def forbidden_parts(package: str, part: str, source: str) -> set[str]:
    """Return which parts of a package of the tools a file of ``part`` imports although it must not."""
    before = PARTS[package][: PARTS[package].index(part)]
    allowed = {part, *before} if part == "cli" else {part, *before} - ({*SUB_COMMANDS} - {part})
    names = [name for name in imported_names(source) if name.startswith(f"{package}.")]
    return {name.removeprefix(f"{package}.").partition(".")[0] for name in names} - allowed


@pytest.mark.parametrize("package", PARTS)
def test_a_part_of_the_tools_imports_only_from_those_before_it(package: str) -> None:
    parts = parts_of(package)
    assert parts.keys() == set(PARTS[package])
    found = {
        file.name: forbidden
        for part, files in parts.items()
        for file in files
        if (forbidden := forbidden_parts(package, part, file.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("package", "part", "statement"),
    [
        ("paradrive_tools", "lint", "from paradrive_tools.run.terms import KEYS"),
        ("paradrive_tools", "run", "from paradrive_tools import lint"),
        ("paradrive_tools", "options", "import paradrive_tools.cli"),
        ("paradrive_tools.lint", "source", "from paradrive_tools.lint.driver.pvctl import Driver"),
        ("paradrive_tools.lint", "rules", "def late():\n    from paradrive_tools.lint import session"),
    ],
)
def test_an_import_against_the_order_of_the_tools_is_found(package: str, part: str, statement: str) -> None:
    assert forbidden_parts(package, part, statement)


def test_the_users_tools_import_none_of_the_developers() -> None:
    files = sorted(PRODUCT_TOOLS.rglob("*.py"))
    assert files
    names = {file.name: imported_names(file.read_text(encoding="utf-8")) for file in files}
    assert [
        file for file in names if any(name.partition(".")[0] == DEVELOPMENT_TOOLS for name in names[file])
    ] == []


def test_no_files_of_the_tools_import_each_other_in_a_circle() -> None:
    modules = {
        ".".join(file.relative_to(TOOLS).with_suffix("").parts).removesuffix(".__init__"): file
        for file in TOOLS.rglob("*.py")
    }
    imports = {name: {*modules_among(modules, file)} - {name} for name, file in modules.items()}
    assert imports["paradrive_tools.cli"] > {"paradrive_tools.run.command", "paradrive_tools.process"}
    TopologicalSorter(imports).prepare()


def modules_among(modules: Mapping[str, Path], file: Path) -> Iterator[str]:
    """Yield those of the modules that a file imports."""
    for name in imported_names(file.read_text(encoding="utf-8")):
        module = name if name in modules else name.rpartition(".")[0]
        if module in modules:
            yield module


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

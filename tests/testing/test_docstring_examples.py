# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in docstrings do what they promise: each is executed, and what it defines is used."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.cpu import tracing
from paradrive.devices.register_device import RegisterDevice
from paradrive.isa.decoder import decode
from paradrive_tools.guest_build.paths import CHECKOUT
from paradrive_tools.lint.rules import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("host-model/paradrive", "tools/paradrive_tools", "tools/paradrive_dev")
BLOCK = re.compile(r"(?:^ {4}.*\n\n*)+", re.MULTILINE)
#: What tells Python from a piece of a device tree, of JSON or of output.
PYTHON = re.compile(r"(?:import|from|class|def|with|for) .|@\w|>>> .", re.MULTILINE)


def python_in_docstrings(source: str) -> Iterator[str]:
    """Yield the indented blocks of Python in the docstrings of a module's source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for block in BLOCK.findall(f"{ast.get_docstring(node) or ''}\n"):
                text = textwrap.dedent(block)
                if PYTHON.match(text):
                    yield text


def examples() -> Iterator[Any]:
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            for text in python_in_docstrings(path.read_text(encoding="utf-8")):
                yield pytest.param(text, id=str(path.relative_to(CHECKOUT)), marks=marks(text))


def marks(text: str) -> list[pytest.MarkDecorator]:
    """Return those of the tests in an example."""
    functions = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    written = [ast.unparse(line) for function in functions for line in function.decorator_list]
    return [eval(line) for line in written if line.startswith("pytest.mark.")]


@pytest.mark.parametrize("text", list(examples()))
def test_an_example_in_a_docstring_works(
    text: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if re.search(r"^\s*\.\.\.$", text, re.MULTILINE):
        check_excerpt(text)
        return
    monkeypatch.setattr(rule, "RULES", {})
    names: dict[str, Any] = {"__name__": __name__}
    exec(text, names)
    defined = [value for value in names.values() if getattr(value, "__module__", None) == __name__]
    assert sum(use(value, request) for value in [*defined, *rule.RULES.values()])


def use(defined: Any, request: pytest.FixtureRequest) -> bool:
    """Let what an example has defined do what it is for; return whether something is known to do."""
    if isinstance(defined, rule.Rule):
        node: Any = SimpleNamespace(properties={})
        subject: Any = SimpleNamespace(paravirtual_nodes=[node])
        assert [problem.node for problem in defined.check(subject)] == [node]
    elif inspect.isclass(defined) and issubclass(defined, RegisterDevice):
        device = defined()
        for register in device.registers:
            device.write(register.offset, register.width, 0xFFFFFFFF)
            device.read(register.offset, register.width)
        assert not device.guest_errors.count
    elif inspect.isfunction(defined) and defined.__name__.startswith("test_"):
        defined(**{name: request.getfixturevalue(name) for name in inspect.signature(defined).parameters})
    else:
        return False
    return True


def check_excerpt(text: str) -> None:
    """Check an example that shows some lines of what the reference engine makes of ``add rT,rA,rB``."""
    add = decode(0x7C221A14, "e500v2")
    assert add is not None
    narrow = {"OE": 0, "Rc": 0}
    lines = iter(tracing.trace(add, narrow).splitlines())
    assert [line for line in text.splitlines() if line.strip() != "..." and line not in lines] == []


def test_an_example_that_does_not_work_is_noticed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = '''
class Device:
    """A device.

    It is used so:

        from paradrive.devices.register_device import RegisterDevice
        from paradrive.devices.registers import RW, Register

        class Example(RegisterDevice):
            MASK = Register(0, RW, "Mask.")

            @MASK.on_write
            def _write_mask(self, value):
                self.absent.set(value)

    An interrupt of 2 cells:

        interrupts = <5 2>;
    """
'''
    (text,) = python_in_docstrings(source)
    with pytest.raises(AttributeError, match="absent"):
        test_an_example_in_a_docstring_works(text, request, monkeypatch)

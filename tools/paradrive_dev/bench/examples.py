# SPDX-License-Identifier: GPL-2.0-or-later
"""How much code the smallest example of a device takes."""

from __future__ import annotations

import ast

from paradrive_tools.guest_build.paths import CHECKOUT

DOORBELL = CHECKOUT / "examples" / "doorbell" / "doorbell.py"


def measure() -> dict[str, float]:
    """Return the lines of code of the doorbell's model: neither blank, nor comment, nor docstring."""
    source = DOORBELL.read_text(encoding="utf-8")
    return {"examples.doorbell_lines": lines_of_code(source)}


def lines_of_code(source: str) -> int:
    """Return how many lines of a Python source hold code, imports included, docstrings not."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    prose: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            first = node.body[0]
            prose.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(1 for number, line in lines if line.split("#")[0].strip() and number not in prose)

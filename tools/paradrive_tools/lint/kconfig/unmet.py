# SPDX-License-Identifier: GPL-2.0-or-later
"""Why an option of the kernel cannot be set: which of its dependencies is not met, and why that one is not.

Source: Linux 6.12, Documentation/kbuild/kconfig-language.rst, "Menu dependencies".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from kconfiglib import (  # type: ignore[import-untyped]
    AND,
    NOT,
    OR,
    TRI_TO_STR,
    Symbol,
    expr_items,
    expr_str,
    expr_value,
    split_expr,
)

from paradrive_tools.guest_build.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Of alternatives, and of options that could select another, so many are named.
_MAX_NAMED = 3


class Unmet(NamedTuple):
    """A dependency that is not met: the option to blame first ("" if that is none), and why, in words."""

    option: str
    reason: str


def unmet_dependencies(option: Symbol) -> Iterator[Unmet]:
    """Yield what keeps ``option`` from being set, nothing where it can be y or m.

    kconfiglib gives an expression as a symbol, or as a tuple of an operator and its operands.
    """
    if option.visibility or expr_value(option.rev_dep):
        return
    explained = {option}
    for part in _failing(_condition(option)):
        if part not in explained:
            yield Unmet(_culprit(part), _why(part, explained))


def declared(symbol: Symbol) -> str:
    """Return the file and the line where an option is declared, "" where it is nowhere."""
    if not symbol.nodes:
        return ""
    node = symbol.nodes[0]
    file = node.filename.removeprefix(f"{CHECKOUT}{os.sep}")
    return f"{file}:{node.linenr}"


def _culprit(expression: Any) -> str:
    """Return the one option that an expression is about, "" where it is about more."""
    names = [symbol.name for symbol in expr_items(expression) if not symbol.is_constant]
    return names[0] if len(names) == 1 else ""


def _condition(symbol: Symbol) -> Any:
    """Return the expression on which an option depends: its prompt, if it has one."""
    return next((node.prompt[1] for node in symbol.nodes if node.prompt), symbol.direct_dep)


def _failing(expression: Any) -> list[Any]:
    """Return those parts of a conjunction that are n."""
    return [part for part in split_expr(expression, AND) if expr_value(part) == 0]


def _why(expression: Any, explained: set[Symbol]) -> str:
    """Return why ``expression``, which is n, is so. What has been ``explained`` already is only named."""
    if isinstance(expression, Symbol):
        return _why_symbol(expression, explained)
    operator, *operands = expression
    if operator == AND:
        return _why(_failing(expression)[0], explained)
    if operator == OR:
        alternatives = split_expr(expression, OR)
        reasons = [_why(part, explained) for part in alternatives[:_MAX_NAMED]]
        return f"none of {len(alternatives)} alternatives holds: {'; '.join(reasons)}"
    if operator == NOT:
        return f"{_text(operands[0])} is {TRI_TO_STR[expr_value(operands[0])]}, but must be n"
    values = [
        f"{symbol.name} is {symbol.str_value} ({declared(symbol)})" for symbol in operands if symbol.nodes
    ]
    return f"{_text(expression)} does not hold: {' and '.join(values)}"


def _why_symbol(symbol: Symbol, explained: set[Symbol]) -> str:
    if symbol.is_constant:
        return "it is never offered"
    if not symbol.nodes:
        return f"{symbol.name} is n, as no Kconfig file for this architecture declares it"
    fact = f"{symbol.name} is n ({declared(symbol)})"
    if symbol in explained:
        return fact
    explained.add(symbol)
    failing = _failing(_condition(symbol))
    if failing:
        return f"{fact}, because {_why(failing[0], explained)}"
    if any(node.prompt for node in symbol.nodes):
        return f"{fact}, but can be set"
    return f"{fact}, and is set by others only{_selectors(symbol)}"


def _selectors(symbol: Symbol) -> str:
    """Return under which conditions others select an option, some of them."""
    if symbol.rev_dep is symbol.kconfig.n:
        return ""
    selecting = [_text(part) for part in split_expr(symbol.rev_dep, OR)]
    more = f" and {len(selecting) - _MAX_NAMED} more" if len(selecting) > _MAX_NAMED else ""
    return f": selected by {', '.join(selecting[:_MAX_NAMED])}{more}"


def _text(expression: Any) -> str:
    text: str = expr_str(expression)
    return text

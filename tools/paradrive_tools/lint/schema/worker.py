# SPDX-License-Identifier: GPL-2.0-or-later
"""dtschema's verdict of trees, in a process of its own, which process.py starts.

dtschema and libfdt trust what they read; a process can be given a limit of memory, and be ended when it takes
too long. Requests come on standard input, as protocol.py says.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dtschema  # type: ignore[import-untyped]
import dtschema.dtb  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT201909

from paradrive_tools.lint.schema.protocol import REQUEST, UNDOCUMENTED, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: More would not help anybody.
MAX_VIOLATIONS = 200
_MAX_MESSAGE = 400
#: Nodes whose violations are remembered: those of some hundred different trees.
_MAX_REMEMBERED = 1 << 13
#: dtschema's own summaries of all schemas, which are none themselves.
_SUMMARIES = ("generated-types", "generated-pattern-types")
#: What a disabled node may lack, because whoever enables it adds it.
_MAY_BE_MISSING = {"required", "unevaluatedProperties"}


def load_validator(bindings: Path, cache: Path) -> Any:
    """Return the validator of dtschema's schemas and those below ``bindings``.

    To process them takes seconds, so the result is kept in ``cache``, under the hash of what it comes from.
    """
    processed = cache / f"schemas-{_fingerprint(bindings)}.json"
    # Of a file that is not there, DTValidator makes a validator without our schemas.
    if not processed.is_file():
        _keep(dtschema.DTValidator([str(bindings)]).schemas, processed)
    validator = dtschema.DTValidator([str(processed if processed.is_file() else bindings)])
    schemas = ((name, schema) for name, schema in validator.schemas.items() if name not in _SUMMARIES)
    resources = [(name, DRAFT201909.create_resource(schema)) for name, schema in schemas if name != "version"]
    # Without it, dtschema's registry searches a schema for identifiers each time that another refers to it,
    # which is more than half of its time.
    validator.registry = Registry(retrieve=validator.retrieve).with_resources(resources).crawl()  # type: ignore[call-arg]
    return validator


def _fingerprint(bindings: Path) -> str:
    digest = hashlib.sha256(dtschema.__version__.encode())
    for file in sorted(bindings.rglob("*.yaml")):
        contents = file.read_bytes()
        digest.update(f"\n{file.relative_to(bindings)} {len(contents)}\n".encode())
        digest.update(contents)
    return digest.hexdigest()[:32]


def _keep(schemas: dict[str, Any], processed: Path) -> None:
    """Write the processed schemas; other processes see all of them or none."""
    try:
        processed.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=processed.parent, delete=False) as file:
            json.dump(schemas, file)
        Path(file.name).replace(processed)
    except OSError:
        pass  # The next process takes the seconds again.


class Judge:
    """Judges trees one after the other, and remembers nodes: most are the same in the next tree."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator
        self._remembered: OrderedDict[bytes, list[Violation]] = OrderedDict()

    def violations(self, blob: bytes) -> list[Violation]:
        """Return what the schemas do not allow in a tree, each once, at most MAX_VIOLATIONS."""
        # dtschema keeps the phandles of the tree before in a variable of the module.
        dtschema.dtb.phandles.clear()
        dtschema.dtb.phandle_loc.clear()
        unreadable: list[str] = []
        try:
            (root,) = self._validator.decode_dtb(blob, unreadable)
        except Exception as error:  # whatever comes: it is not written for damaged properties
            return [Violation("/", "", f"dtschema cannot read the tree: {_reason(error)}"[:_MAX_MESSAGE], "")]
        found = [Violation("/", "", message, "") for message in unreadable]
        found += self._walk(root, "/", "/", is_disabled=False)
        return list(dict.fromkeys(found))[:MAX_VIOLATIONS]

    def _walk(self, node: dict[str, Any], name: str, path: str, *, is_disabled: bool) -> Iterator[Violation]:
        is_disabled = is_disabled or _has_status_disabled(node)
        children = [(key, value) for key, value in node.items() if isinstance(value, dict)]
        yield from self._of_node(node, name, path, is_disabled=is_disabled)
        for child_name, child in children:
            if not child_name.startswith("__"):
                child_path = f"{path.rstrip('/')}/{child_name}"
                yield from self._walk(child, child_name, child_path, is_disabled=is_disabled)

    def _of_node(
        self, node: dict[str, Any], name: str, path: str, *, is_disabled: bool
    ) -> Iterable[Violation]:
        key = hashlib.sha256(pickle.dumps((path, is_disabled, node))).digest()
        violations = self._remembered.get(key)
        if violations is None:
            node["$nodename"] = [name]
            try:
                violations = [
                    _violation(error, node, path)
                    for error in self._validator.iter_errors(node)
                    if not (
                        _is_about_missing(error) and (is_disabled or _has_status_disabled(error.instance))
                    )
                ]
            except RecursionError:
                violations = [Violation(path, "", "a schema refers to itself without end", "")]
            except Exception as error:  # as above: of an empty property, for example
                message = f"dtschema cannot judge the node: {_reason(error)}"
                violations = [Violation(path, "", message[:_MAX_MESSAGE], "")]
            self._remembered[key] = violations
            if len(self._remembered) > _MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        return violations


def _reason(error: Exception) -> str:
    """Return what dtschema (dtb.py) means by an exception that it did not intend."""
    if isinstance(error, KeyError) and isinstance(error.args[0], int):
        return f"no node has the phandle {error.args[0]:#x}"
    if isinstance(error, UnicodeDecodeError):
        return f"{error.object!r} is not made of ASCII strings"
    return f"{type(error).__name__}: {error}"


def _strings(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _has_status_disabled(instance: object) -> bool:
    return isinstance(instance, dict) and "disabled" in _strings(instance.get("status"))


def _is_about_missing(error: Any) -> bool:
    return any(_MAY_BE_MISSING & set(part.schema_path) for part in (error, *(error.context or ())))


def _violation(error: Any, node: dict[str, Any], path: str) -> Violation:
    """Return what dtschema means by ``error``, at the node that it is about: perhaps one below ``node``."""
    steps = list(error.absolute_path)
    while steps and isinstance(node.get(steps[0]), dict):
        path = f"{path.rstrip('/')}/{steps[0]}"
        node = node[steps.pop(0)]
    name = str(steps[0]) if steps else ""
    if error.schema_file == UNDOCUMENTED:
        message = f"no binding describes {error.instance!r}"
    else:
        # Of alternatives that have all failed, each tells why.
        message = "; or ".join(dict.fromkeys(part.message for part in error.context)) or error.message
    return Violation(path, name, message[:_MAX_MESSAGE], error.schema_file)


def main(bindings: str, cache: str) -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    judge = Judge(load_validator(Path(bindings), Path(cache)))
    while size := requests.read(REQUEST.size):
        blob = requests.read(*REQUEST.unpack(size))
        answers.write(json.dumps(judge.violations(blob)).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

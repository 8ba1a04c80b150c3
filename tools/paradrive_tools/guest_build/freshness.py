# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether an output is still made from the inputs as they are.

Beside every output lies what its inputs looked like when it was made: path, size and modification
time. An output is fresh while its inputs look the same; comparing costs one stat() for each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Fingerprint = dict[str, list[int]]


def fingerprint(inputs: Iterable[Path]) -> Fingerprint:
    """Return size and modification time (ns) by path; an input that does not exist has neither."""
    result: Fingerprint = {}
    for path in inputs:
        try:
            status = path.stat()
        except OSError:
            result[str(path)] = []
        else:
            result[str(path)] = [status.st_size, status.st_mtime_ns]
    return result


def is_fresh(output: Path, inputs: Iterable[Path]) -> bool:
    """Tell whether ``output`` exists and was made from these inputs, unchanged since."""
    if not output.exists():
        return False
    try:
        recorded = json.loads(_record(output).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(recorded == fingerprint(inputs))


def refresh(output: Path, inputs: Iterable[Path], make: Callable[[], None]) -> None:
    """Call ``make``, which creates ``output``, unless the output is fresh.

    Inputs that change while ``make`` runs leave the output stale.
    """
    inputs = list(inputs)
    if is_fresh(output, inputs):
        return
    before = fingerprint(inputs)
    output.parent.mkdir(parents=True, exist_ok=True)
    _record(output).unlink(missing_ok=True)
    make()
    _record(output).write_text(json.dumps(before, indent=1), encoding="utf-8")


def _record(output: Path) -> Path:
    return output.with_name(f".{output.name}.inputs.json")

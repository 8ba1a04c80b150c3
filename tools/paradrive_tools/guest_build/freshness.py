# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether an output is still made from the inputs as they are.

Beside every output lies a record of how it was made: what each input held, and the recipe, such as the
command line. An input is known by its content, which tells edits apart for which the clock is too coarse;
only a large one, such as the kernel's source, by inode, size and times. The record is the last thing that
is written, and the first that goes.
"""

from __future__ import annotations

import hashlib
import json
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

#: The size from which an input is not read, in bytes.
_LARGE = 1 << 18

#: What identifies the content of inputs, by path; None where there is no such file.
Fingerprint = dict[str, str | None]


def fingerprint(inputs: Iterable[Path]) -> Fingerprint:
    """Return what identifies the content of each input, by path."""
    return {str(path): _content(path) for path in inputs}


def _content(path: Path) -> str | None:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size < _LARGE:
            return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
    # Whoever sets the time of modification back cannot do so with that of the inode's change.
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def is_fresh(output: Path, inputs: Iterable[Path], recipe: Sequence[str] = ()) -> bool:
    """Tell whether ``output`` is there as it was made, from these inputs, unchanged since, by this recipe."""
    try:
        recorded = json.loads(_record(output).read_text(encoding="utf-8"))
        return bool(recorded == _description(output, fingerprint(inputs), recipe))
    except (OSError, ValueError):
        return False


def refresh(
    output: Path, inputs: Iterable[Path], make: Callable[[], None], *, recipe: Sequence[str] = ()
) -> None:
    """Call ``make``, which creates ``output``, unless the output is fresh; ``recipe`` is what else decides.

    Inputs that change while ``make`` runs leave the output stale.
    """
    inputs = list(inputs)
    if is_fresh(output, inputs, recipe):
        return
    before = fingerprint(inputs)
    output.parent.mkdir(parents=True, exist_ok=True)
    record = _record(output)
    record.unlink(missing_ok=True)
    make()
    record.write_text(json.dumps(_description(output, before, recipe), indent=1), encoding="utf-8")


def _description(output: Path, inputs: Fingerprint, recipe: Sequence[str]) -> dict[str, object]:
    """Return what the record holds: the output's size, too, which a full disk or a crash may have cut."""
    return {"size": output.stat().st_size, "inputs": inputs, "recipe": list(recipe)}


def _record(output: Path) -> Path:
    return output.with_name(f".{output.name}.inputs.json")

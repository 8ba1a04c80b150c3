# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a cached kernel is still what was built: clones share it, and nothing else may write to it.

A make that is started there by mistake configures anew, and so removes or replaces files which each
module needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.freshness import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

#: What a make in the kernel's directory changes first.
_TELLING = (
    ".config",
    "Module.symvers",
    "include/config/auto.conf",
    "include/generated/autoconf.h",
    "scripts/basic/fixdep",
    "scripts/mod/modpost",
)
_SEAL = "sealed.json"


def seal(kernel: Path) -> None:
    """Note what the kernel in this directory is made of."""
    (kernel / _SEAL).write_text(json.dumps(_contents(kernel), indent=1), encoding="utf-8")


def check_seal(kernel: Path) -> None:
    """Raise BuildError if the kernel has been changed since it was sealed; one without a seal passes."""
    kernel = kernel.resolve()
    try:
        sealed = json.loads((kernel / _SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        sealed = None
    found = _contents(kernel)
    changed = [_SEAL]
    if isinstance(sealed, dict) and sealed.keys() == found.keys():
        changed = [name for name in found if found[name] != sealed[name]]
    if changed:
        raise BuildError(
            f"{kernel / changed[0]} has been changed since the kernel was built: "
            f"remove {kernel}, and it is built anew"
        )


def _contents(kernel: Path) -> dict[str, str | None]:
    found = fingerprint(kernel / name for name in _TELLING)
    return dict(zip(_TELLING, found.values(), strict=True))

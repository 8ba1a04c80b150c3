# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_tools.guest_build [CPU ...]``: build the guests for these CPUs (e500v2)."""

from __future__ import annotations

import sys

from paradrive_tools.guest_build import BuildError, ensure_guest
from paradrive_tools.process import as_process


def main(cpus: list[str]) -> int:
    """Build; return the exit status (2 for bad input or a missing tool)."""
    try:
        for cpu in cpus or ["e500v2"]:
            ensure_guest(cpu)
    except BuildError as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(as_process(lambda: main(sys.argv[1:])))

# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.suites [SUITE ...]``: run these suites, or all; writes build/suites.json."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paradrive_dev.suites.matrix import SUITES
from paradrive_dev.suites.session import execute
from paradrive_tools import exit_status
from paradrive_tools.command_line import OneLineParser
from paradrive_tools.process import as_process

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return the exit status: 1 when anything differs, 2 when something is missing."""
    known = {suite.name: suite for suite in SUITES}
    parser = OneLineParser(prog="suites", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of {', '.join(known)}")
    names = parser.parse_args(arguments).suite or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"there is no suite {unknown[0]}: choose of {', '.join(known)}")
    try:
        return execute([known[name] for name in names])
    except KeyboardInterrupt:
        print("paradrive: interrupted; the runs that had ended are kept", file=sys.stderr)
        return exit_status.INTERRUPTED


if __name__ == "__main__":
    sys.exit(as_process(main))

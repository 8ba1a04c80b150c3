# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.bench.lint_dt_validate SCHEMAS DTB...``: what dt-validate says of each tree.

dt-validate itself ends at the first tree that it cannot read, or never. This calls what it consists of for
each tree by itself, and prints a line of JSON for each: what it says, or null where it fails.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys

from dtschema import dtb, dtb_validate  # type: ignore[import-untyped]

#: Seconds for one tree, which takes a tenth of one unless there is no end.
TIME_LIMIT = 5.0


def complaints(validator: dtb_validate.schema_group, blob: str) -> list[str] | None:
    """Return what dt-validate says of the file ``blob``, None where it fails or does not come to an end."""
    # dtschema keeps the phandles of the tree before in variables of the module.
    dtb.phandles.clear()
    dtb.phandle_loc.clear()
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
    try:
        # It writes on standard error what it returns as well.
        with contextlib.redirect_stderr(io.StringIO()):
            diagnostics = validator.check_dtb(blob)
    except Exception:  # whatever a tree leads it to, or the alarm
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [f"{found.get('node', '')}: {found['message']}" for found in diagnostics]


def _give_up(*_: object) -> None:
    raise TimeoutError


def main(schemas: str, *blobs: str) -> None:
    """Print the line for each file; ``schemas`` is the file with the processed schemas."""
    # As its option --show-unmatched.
    dtb_validate.show_unmatched = True
    validator = dtb_validate.schema_group(schemas, collect_diagnostics=True)
    for blob in blobs:
        print(json.dumps(complaints(validator, blob)))


if __name__ == "__main__":
    main(*sys.argv[1:])

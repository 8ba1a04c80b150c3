# SPDX-License-Identifier: GPL-2.0-or-later
"""The formats of ``paradrive lint``: each makes the text of what is written to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.output import json_report, sarif, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paradrive_tools.lint.output.report import Report

FORMATS: Mapping[str, Callable[[Sequence[Report]], str]] = {
    "text": text.render,
    "json": json_report.render,
    "sarif": sarif.render,
}

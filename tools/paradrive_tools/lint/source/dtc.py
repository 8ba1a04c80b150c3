# SPDX-License-Identifier: GPL-2.0-or-later
"""What dtc says of a tree: its checks become findings ``dtc:NAME``, whatever else stops it an error.

dtc's messages (checks.c, srcpos.c) read ``FILE:LINE.COLUMN-COLUMN: Warning (NAME): /PATH:PROPERTY: text``;
those about a blob have the output's name instead of a position.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paradrive.host.bounded_process import run_bounded
from paradrive.host.inputs import InputError
from paradrive_tools.lint.finding import Finding, Location, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Those which are off unless asked for, but unique_unit_address_if_enabled, which says nothing that
#: unique_unit_address does not say as well.
OPTIONAL_CHECKS = ("node_name_chars_strict", "property_name_chars_strict")
#: More findings would not help, and a hostile tree could have a million.
MAX_FINDINGS = 500

# An error of a check would stop dtc before it writes the tree; forced, it goes on.
_COMMAND = ("dtc", "--force", *(f"--warning={check}" for check in OPTIONAL_CHECKS))
_ANNOTATING = ("--quiet", "--quiet", "--annotate", "--annotate", "-I", "dts", "-O", "dts")
_CHECK = re.compile(r"(?P<where>.*?): (?P<level>Warning|ERROR) \((?P<check>\w+)\): (?P<message>.*)")
_NODE = re.compile(r"(?P<path>/[^:\s]*)(?::[^:\s]+)?: (?P<message>.*)")
_POSITION = re.compile(r"(?P<file>.+):(?P<line>\d+)\.(?P<column>\d+)-[\d.]+")
_FATAL = re.compile(r"(?:FATAL ERROR|Error): (?:(?P<where>\S.*?:\d+\.\d+-[\d.]+):? )?(?P<message>.*)")
_PREREQUISITE = "Failed prerequisite"
_SEVERITIES = {"Warning": Severity.WARNING, "ERROR": Severity.ERROR}


def compile_source(text: bytes, name: str, directory: Path) -> tuple[bytes, list[Finding]]:
    """Return the blob that dtc makes of a source, and what it finds.

    The files that it includes are in ``directory``. Raises InputError, naming the file and the line, when
    the source is no tree.
    """
    return _run(("-I", "dts", "-O", "dtb"), text, name, directory)


def annotate_source(text: bytes, name: str, directory: Path) -> str:
    """Return the source as dtc writes it out, in one piece, with the origin of each line in a comment."""
    result = run_bounded([*_COMMAND, *_ANNOTATING], text, name, directory=directory)
    return result.output.decode("utf-8", "replace")


def check_blob(blob: bytes, name: str) -> list[Finding]:
    """Return what dtc finds in a blob, which has to be well formed."""
    _, findings = _run(("-I", "dtb", "-O", "dtb"), blob, name)
    return findings


def _run(
    options: Sequence[str], contents: bytes, name: str, directory: Path | None = None
) -> tuple[bytes, list[Finding]]:
    result = run_bounded([*_COMMAND, *options], contents, name, directory=directory)
    if result.status != 0:
        raise _failure(result.messages, name)
    # Of a check that needs another one to succeed, only the other one's complaint says anything.
    messages = (message for message in result.messages if _PREREQUISITE not in message)
    matches = (_CHECK.fullmatch(message) for message in messages)
    findings = [_finding(match, name) for match in matches if match]
    return result.output, findings[:MAX_FINDINGS]


def _finding(match: re.Match[str], name: str) -> Finding:
    node = _NODE.fullmatch(match["message"])
    return Finding(
        f"dtc:{match['check']}",
        _SEVERITIES[match["level"]],
        node["message"] if node else match["message"],
        _location(match["where"]) or Location(name),
        node["path"] if node else "",
    )


def _location(position: str) -> Location | None:
    match = _POSITION.fullmatch(position)
    return Location(match["file"], int(match["line"]), int(match["column"])) if match else None


def _failure(messages: Sequence[str], name: str) -> InputError:
    """Return the error that tells why dtc gave up: what it said first, where it said where."""
    for message in messages:
        match = _FATAL.fullmatch(message)
        if match:
            location = match["where"] and _location(match["where"])
            return InputError(str(location or name), match["message"])
    return InputError(name, messages[-1] if messages else "dtc fails without a word")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a tree that is to be linted: a blob as it is, a source through the C preprocessor and dtc."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paradrive.machine.blob import MAX_BLOB_SIZE
from paradrive.machine.bounded_process import run_bounded
from paradrive.machine.inputs import InputError, read_input
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint import dtc
from paradrive_tools.lint.source_map import SourceMap, parse_annotated

if TYPE_CHECKING:
    from paradrive_tools.lint.finding import Finding

#: Bytes; the sources of the largest boards in Linux have less than a tenth of it, includes and all.
MAX_SOURCE_SIZE = 1 << 22
_BLOB_MAGIC = b"\xd0\x0d\xfe\xed"
_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(?:include|define|undef|if|ifdef|ifndef)\b", re.MULTILINE)
#: As the kernel's build has it (scripts/Makefile.lib, cmd_dtc).
_PREPROCESSOR = ("cpp", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp")


class Source(NamedTuple):
    """A tree that has been read: the blob, where its nodes come from, and what dtc found when it compiled it.

    ``findings`` is None for a blob, which dtc has not seen yet.
    """

    name: str
    blob: bytes
    source_map: SourceMap
    findings: tuple[Finding, ...] | None = None


def read_tree(name: str) -> Source:
    """Read the file ``name``, a blob or a source; InputError when it is neither.

    Whether a blob is well formed is not looked at here.
    """
    contents = read_input(name, max(MAX_SOURCE_SIZE, MAX_BLOB_SIZE))
    if contents.startswith(_BLOB_MAGIC) or name.endswith((".dtb", ".dtbo")):
        return Source(name, contents, SourceMap(name))
    directories = [str(Path(name).parent), str(TREE_SOURCES)]
    text = _preprocess(contents, name, directories)
    blob, findings = dtc.compile_source(text, name, directories)
    annotated = dtc.annotate_source(text, name, directories)
    return Source(name, blob, parse_annotated(annotated, name), tuple(findings))


def _preprocess(contents: bytes, name: str, directories: list[str]) -> bytes:
    """Return the source with the preprocessor's directives executed, and with its name for dtc's messages."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    marked = f'#line 1 "{quoted}"\n'.encode() + contents
    if not _DIRECTIVE.search(contents):
        return marked
    command = [*_PREPROCESSOR, *(f"-I{directory}" for directory in directories)]
    result = run_bounded(command, marked, name)
    if result.status != 0:
        error = next((message for message in result.messages if " error: " in message), "cpp fails")
        where, _, reason = error.rpartition(" error: ")
        raise InputError(where.rstrip(": ") or name, reason)
    return result.output

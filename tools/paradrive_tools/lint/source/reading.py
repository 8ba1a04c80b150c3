# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a tree that is to be linted: a blob as it is, a source through the C preprocessor and dtc."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.fdt import MAX_FDT_SIZE
from paradrive.host.bounded_process import run_bounded
from paradrive.host.inputs import InputError, read_input
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.source import dtc
from paradrive_tools.lint.source.inclusion import Inclusion
from paradrive_tools.lint.source.source_map import SourceMap, parse_annotated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_tools.lint.finding import Finding

#: Bytes; the sources of the largest boards in Linux have less than a tenth of it, includes and all.
MAX_SOURCE_SIZE = 1 << 22
_BLOB_MAGIC = b"\xd0\x0d\xfe\xed"
_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(?:include|define|undef|if|ifdef|ifndef)\b", re.MULTILINE)
#: As the kernel's build has it (scripts/Makefile.lib, cmd_dtc).
_PREPROCESSOR = (
    *("cpp", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-I."),
    # These look at files, too, and can be put together by macros.
    *("-U__has_include", "-U__has_include_next", "-U_Pragma"),
)


class Source(NamedTuple):
    """A tree that has been read: the blob, where its nodes come from, and what dtc found when it compiled it.

    ``findings`` is None for a blob, which dtc has not seen yet.
    """

    name: str
    blob: bytes
    source_map: SourceMap
    findings: tuple[Finding, ...] | None = None


def read_tree(name: str, include: Sequence[str] = ()) -> Source:
    """Read the file ``name``, a blob or a source; InputError when it is neither.

    A source may include files from its own directory, from the directories ``include``, from those that come
    with this project, and from below them. Whether a blob is well formed is not looked at here.
    """
    contents = read_input(name, max(MAX_SOURCE_SIZE, MAX_FDT_SIZE))
    if contents.startswith(_BLOB_MAGIC) or name.endswith((".dtb", ".dtbo")):
        return Source(name, contents, SourceMap(name))
    try:
        with TemporaryDirectory() as directory:
            return _compile(
                contents, name, [str(Path(name).parent), *include, str(TREE_SOURCES)], Path(directory)
            )
    except OSError as error:
        raise InputError(name, f"temporary files cannot be written: {error.strerror}") from None


def _compile(contents: bytes, name: str, directories: Sequence[str], copies: Path) -> Source:
    """Return the tree of a source, which includes what is copied into the empty directory ``copies``."""
    inclusion = Inclusion(copies, directories)
    try:
        text = _preprocess(contents, name, inclusion, copies)
        text = inclusion.for_dtc(text.decode("latin-1"), name).encode("latin-1")
        blob, findings = dtc.compile_source(text, name, copies)
        annotated = dtc.annotate_source(text, name, copies)
    except InputError as error:
        raise inclusion.explain(error) from None
    return Source(name, blob, parse_annotated(annotated, name), tuple(findings))


def _preprocess(contents: bytes, name: str, inclusion: Inclusion, copies: Path) -> bytes:
    """Return the source with the preprocessor's directives executed."""
    if not _DIRECTIVE.search(contents):
        return contents
    text = inclusion.for_preprocessor(contents.decode("latin-1"), name)
    result = run_bounded(_PREPROCESSOR, text.encode("latin-1"), name, directory=copies)
    if result.status != 0:
        error = next((message for message in result.messages if " error: " in message), "cpp fails")
        where, _, reason = error.partition(" error: ")
        raise InputError(where.rstrip(": ") or name, reason.removeprefix("#error "))
    return result.output

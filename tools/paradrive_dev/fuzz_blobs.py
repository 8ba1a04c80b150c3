# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.fuzz_blobs``: lint damaged blobs, as far as coverage can guide there.

atheris (libFuzzer) changes the machines' trees at random and keeps what reaches code that nothing had reached
before. Each blob is linted or refused with InputError. Any other exception ends the run, as does a blob that
takes too long or too much memory, and leaves the blob in build/fuzz-dt.
"""

from __future__ import annotations

import contextlib
import sys

import atheris  # type: ignore[import-untyped]

from paradrive_tools.command_line import OneLineParser
from paradrive_tools.guest_build.paths import BUILD, TREE_SOURCES
from paradrive_tools.guest_build.trees import ensure_tree

DEFAULT_SECONDS = 60
#: Seconds and MiB that one blob may take; the processes of dtc and dtschema have less.
TIME_LIMIT, MEMORY_LIMIT = 60, 1024
#: What is instrumented: all that reads a blob in this process.
READERS = ["pyfdt", "paradrive.devicetree", "paradrive.machine", "paradrive_tools.lint"]
DIRECTORY = BUILD / "fuzz-dt"


def main() -> None:
    """Fuzz for a while; libFuzzer ends the process, with an exit status that tells what it has found."""
    parser = OneLineParser(prog="fuzz_blobs", description=__doc__)
    parser.add_argument("--seconds", type=int, default=DEFAULT_SECONDS, metavar="N", help="duration")
    options = parser.parse_args()
    with atheris.instrument_imports(include=READERS):
        from paradrive.host.inputs import InputError
        from paradrive_tools.lint.judgement import all_rules
        from paradrive_tools.lint.session import Companions, report_on
        from paradrive_tools.lint.source.reading import Source
        from paradrive_tools.lint.source.source_map import SourceMap

        all_rules()

    def lint(blob: bytes) -> None:
        with contextlib.suppress(InputError):
            report_on(Source("fuzz.dtb", blob, SourceMap("fuzz.dtb")), Companions())

    corpus = DIRECTORY / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for source in TREE_SOURCES.glob("*.dts"):
        (corpus / source.stem).write_bytes(ensure_tree(source.stem).read_bytes())
    limits = [f"-max_total_time={options.seconds}", f"-timeout={TIME_LIMIT}", f"-rss_limit_mb={MEMORY_LIMIT}"]
    output = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={DIRECTORY}/"]
    atheris.Setup([sys.argv[0], *limits, *output, str(corpus)], lint)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

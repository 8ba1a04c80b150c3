# SPDX-License-Identifier: GPL-2.0-or-later
"""The process in which dtschema runs (worker.py), from the side of those who ask it."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import time
from functools import cache

from paradrive.host import bounded_process
from paradrive.host.bounded_process import Limits
from paradrive.host.user_cache import cache_directory
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.schema.protocol import REQUEST, Violation

#: Seconds for one tree, of which most take a hundredth of one; the first answer can take until all
#: schemas have been processed.
TIME_LIMIT = 20.0
#: The process lives for as long as trees come, so what bounds its time is TIME_LIMIT.
LIMITS = Limits(memory=1 << 30, output=1 << 26, cpu_time=None)
_ANSWER_LIMIT = 1 << 20
_PIECE = 1 << 16


class SchemaProcess:
    """The process, started when it is needed, and anew when it has been ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_asked = False

    def submit(self, blob: bytes) -> None:
        """Have a well-formed tree judged, while the caller does something else."""
        if (
            self._is_asked
        ):  # and nobody has fetched the answer, which is not to be taken for that to this tree
            self.end()
        self._is_asked = True
        if self._process is not None and self._process.poll() is not None:
            self.end()  # it has died meanwhile: with the thread that had started it, for example
        if self._process is None:
            try:
                self._process = self._start()
            except OSError:
                return  # there is no answer then
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(REQUEST.pack(len(blob)) + blob)
            self._process.stdin.flush()
        except BrokenPipeError:
            self.end()

    def violations(self) -> list[Violation]:
        """Return what is wrong with the tree submitted last, be it that it is too hard to judge."""
        self._is_asked = False
        answer = self._answer() if self._process else b""
        if not answer:
            self.end()
            return [Violation("/", "", "dtschema does not come to an end with this tree", "")]
        return [Violation(*fields) for fields in json.loads(answer)]

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            bounded_process.end(self._process)
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        worker = [sys.executable, "-m", "paradrive_tools.lint.schema.worker"]
        return bounded_process.start(
            [*worker, str(TREE_SOURCES / "bindings"), str(cache_directory())],
            LIMITS,
            environment=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _answer(self) -> bytes:
        """Return the line that the process answers, empty where it does not."""
        assert self._process is not None and self._process.stdout is not None
        answer, ending = b"", time.monotonic() + TIME_LIMIT
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        while not answer.endswith(b"\n") and len(answer) < _ANSWER_LIMIT:
            if not poll.poll(max(0.0, ending - time.monotonic()) * 1000):
                return b""
            piece = self._process.stdout.read1(_PIECE)  # type: ignore[attr-defined]
            if not piece:
                return b""
            answer += piece
        return answer


@cache
def schema_process() -> SchemaProcess:
    """Return the one process that all trees of this one share."""
    process = SchemaProcess()
    atexit.register(process.end)
    return process

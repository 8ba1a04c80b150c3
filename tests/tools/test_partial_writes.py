# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that becomes full leaves nothing that could be taken for a whole file, whoever writes."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from full_disk import room_for
from paradrive.cpu.clock import Clock
from paradrive.devices.bus import MmioAccess
from paradrive.host.inputs import InputError
from paradrive_dev import device_docs
from paradrive_dev.bench.figures import write_figures
from paradrive_dev.fidelity.batch import Result
from paradrive_dev.fidelity.store import Store, write_json
from paradrive_tools.run.mmio_trace import END, HEADING, MmioTrace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Bytes, fewer than any of the files has.
ROOM = 40


def write_document(path: Path) -> None:
    """Write docs/devices.md, elsewhere."""
    # What it says goes to pytest's file, which must not grow either.
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()):
        patch.setattr(device_docs, "DOCUMENT", path)
        if device_docs.main():
            raise InputError(str(path), "status 2")


WRITERS: dict[str, Callable[[Path], object]] = {
    "bench": lambda path: write_figures(path, dict.fromkeys(("boot.ratio", "boot.seconds"), 1.0)),
    "fidelity": lambda path: write_json(path, {"cases": 1000, "instructions": {"e500v2": 1}}),
    "docs": write_document,
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=list(WRITERS))
@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_is_whole_or_as_it_was(
    tmp_path: Path, writer: Callable[[Path], object], old: str | None
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_text(old)
    with room_for(ROOM), pytest.raises(InputError, match=str(path)):
        writer(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ([] if old is None else [old])
    writer(path)
    assert path.stat().st_size > ROOM


def test_a_result_of_a_batch_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path, "sources")
    with room_for(ROOM), pytest.raises(InputError):
        store.save("batch", Result(cases={"add": 1}))
    assert store.load("batch") is None
    assert list((tmp_path / "sources").iterdir()) == []


class FullDisk:
    """``paradrive run`` with a tiny guest, whose files can take only some bytes."""

    def __init__(self, kernel: Path, files: dict[str, Path]) -> None:
        self._options = ["--engine", "reference", "--max-instructions", "20000", "--kernel", str(kernel)]
        for name, path in files.items():
            self._options += [f"--{name}", str(path)]

    def run(self, *options: str, room: int = ROOM) -> tuple[int, str]:
        """Return the exit status, and what was written to standard error."""
        done = subprocess.run(
            [sys.executable, "-m", "paradrive_tools.cli", "run", *self._options, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
            check=False,
        )
        return done.returncode, done.stderr


@pytest.fixture
def full_disk(assemble: Callable[[str], Path], map_devices: str, files: dict[str, Path]) -> FullDisk:
    return FullDisk(assemble(f"{map_devices} ; .rept 9 ; print 'h' ; .endr ; shutdown 0 ; b ."), files)


@pytest.mark.parametrize("option", ["--json", "--save"])
def test_a_file_of_a_run_is_whole_or_as_it_was(full_disk: FullDisk, tmp_path: Path, option: str) -> None:
    path = tmp_path / "results" / "file"
    path.parent.mkdir()
    path.write_text("old")
    status, errors = full_disk.run(option, str(path))
    assert status == 2
    assert str(path) in errors
    assert errors.count("\n") == 1
    assert [file.read_text() for file in path.parent.iterdir()] == ["old"]


@pytest.mark.parametrize("room", [0, 60, 200])
def test_a_trace_that_is_cut_off_does_not_have_the_line_at_its_end(
    full_disk: FullDisk, tmp_path: Path, room: int
) -> None:
    path = tmp_path / "trace"
    status, errors = full_disk.run("--trace-mmio", str(path), room=room)
    assert (status, str(path) in errors) == (0, True)
    assert "# end\n" not in path.read_text()
    status, errors = full_disk.run("--trace-mmio", str(path), room=1 << 20)
    assert (status, errors) == (0, "")
    assert path.read_text().endswith("\n# end\n")


ACCESS = MmioAccess("pvctl@0", "ID", 0xF_0000_0000, 4, False, 0x5056_4354)


def test_a_trace_with_a_gap_does_not_have_the_line_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with MmioTrace(str(path), Clock()) as trace:
        with room_for(ROOM):
            while not trace.problem:
                trace.record(ACCESS)
        # Somebody has made room; what has been lost does not come again.
        trace.record(ACCESS)
    assert END not in path.read_text()


def test_a_trace_of_a_run_that_failed_does_not_have_the_line_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with pytest.raises(InputError), MmioTrace(str(path), Clock()) as trace:
        trace.record(ACCESS)
        raise InputError("state", "No space left on device")
    assert path.read_text().startswith(HEADING)
    assert END not in path.read_text()

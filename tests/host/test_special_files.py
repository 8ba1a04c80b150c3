# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of the user that are no regular files: devices, pipes, links, and what is open already."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from paradrive.host import inputs
from paradrive.host.inputs import InputError, read_input
from paradrive.host.outputs import write_output

CONTENTS = bytes(range(256)) * 1000


# Output


def test_fifo_is_written_to(tmp_path: Path) -> None:
    fifo, read = tmp_path / "fifo", list[bytes]()
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write_output(str(fifo), [CONTENTS, b"end"])
    reader.join(10)
    assert read == [CONTENTS + b"end"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_device_node_is_written_to_and_stays() -> None:
    # A terminal, as no file can take its place in its directory: a fault cannot harm the host.
    controller, terminal = pty.openpty()
    path = Path(os.ttyname(terminal))
    node = path.stat()
    write_output(str(path), [b"report"])
    assert os.read(controller, 100) == b"report"
    assert path.samefile(f"/dev/fd/{terminal}")
    assert path.stat().st_rdev == node.st_rdev
    os.close(controller)
    os.close(terminal)


def test_output_that_takes_nothing_is_refused() -> None:
    with Path(os.devnull).open("rb") as nothing:
        path = f"/dev/fd/{nothing.fileno()}"
        with pytest.raises(InputError, match=path):
            write_output(path, [b"report"])


def test_link_keeps_pointing_to_the_file_that_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to("elsewhere/target")
    for contents in (b"new", b"newer"):
        write_output(str(link), [contents])
        assert link.is_symlink()
        assert target.read_bytes() == contents
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("directory", ["/dev/fd", "/proc/self/fd", "link to it"])
def test_open_file_goes_on_where_it_is(tmp_path: Path, directory: str) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        file.write(b"before ")
        path = f"{directory}/{file.fileno()}"
        if directory == "link to it":
            (tmp_path / "link").symlink_to(f"/dev/fd/{file.fileno()}")
            path = str(tmp_path / "link")
        write_output(path, [b"report ", b"of the run"])
        file.write(b" after")
    assert (tmp_path / "file").read_bytes() == b"before report of the run after"


@pytest.mark.parametrize("path", ["/dev/fd/999999", "/dev/fd/99999999999999999999", "", "."])
def test_output_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        write_output(path, [b"x"])


# Input


@pytest.mark.parametrize("limit", [len(CONTENTS), len(CONTENTS) - 1])
def test_pipe_is_read_within_its_limit(tmp_path: Path, limit: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENTS)
    with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdout is not None
        path = f"/dev/fd/{writer.stdout.fileno()}"
        if limit < len(CONTENTS):
            with pytest.raises(InputError, match=f"{path}: larger than {limit}"):
                read_input(path, limit)
        else:
            assert read_input(path, limit) == CONTENTS


def test_empty_pipe_is_an_empty_file() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.wait()
        assert read_input(f"/dev/fd/{writer.stdout.fileno()}", 100) == b""


def test_fifo_is_read_to_the_end_of_who_writes_to_it(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(CONTENTS), daemon=True)
    writer.start()
    assert read_input(str(fifo), len(CONTENTS)) == CONTENTS
    writer.join(10)


@pytest.mark.parametrize("is_open", [False, True])
def test_fifo_from_which_nothing_comes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_open: bool
) -> None:
    monkeypatch.setattr(inputs, "PATIENCE", 0.05)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    silent = os.open(fifo, os.O_RDWR) if is_open else None
    with pytest.raises(InputError, match=str(fifo)):
        read_input(str(fifo), 100)
    if silent is not None:
        os.close(silent)


def test_endless_device_is_read_within_its_limit() -> None:
    with pytest.raises(InputError, match="/dev/zero: larger than 100000 bytes"):
        read_input("/dev/zero", 100_000)


@pytest.mark.parametrize("path", ["/dev/fd/999999", ".", ""])
def test_input_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        read_input(path, 100)

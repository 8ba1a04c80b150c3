# SPDX-License-Identifier: GPL-2.0-or-later
"""The shared cache holds whole directories only, whatever becomes of those who build them."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from paradrive_tools.guest_build.cache import ensure_directory

# Builds directory argv[1]: writes a file, starts a child that inherits the lock, and hangs.
HANGING_BUILD = """
import subprocess, sys
from pathlib import Path
from paradrive_tools.guest_build.cache import ensure_directory

def build(directory, lock):
    (directory / "half").write_text("of it")
    child = subprocess.Popen(["cat"], pass_fds=(lock,))
    print("building", flush=True)
    child.wait()

ensure_directory(Path(sys.argv[1]), build)
"""


def start_hanging_build(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING_BUILD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    return process


def build_whole(directory: Path, lock: int) -> None:
    (directory / "whole").write_text("all of it")


def test_a_killed_build_leaves_no_directory_and_the_next_build_starts_afresh(tmp_path: Path) -> None:
    directory = tmp_path / "kernel"
    process = start_hanging_build(directory)
    process.kill()
    process.communicate()

    assert not directory.exists()
    ensure_directory(directory, build_whole)
    assert [path.name for path in directory.iterdir()] == ["whole"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kernel", "kernel.lock"]


def test_what_a_killed_build_leaves_running_keeps_the_lock(tmp_path: Path) -> None:
    process = start_hanging_build(tmp_path / "kernel")
    process.kill()
    process.wait()
    with (tmp_path / "kernel.lock").open("rb") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.communicate()
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(directory: Path, lock: int) -> None:
        (directory / "half").write_text("of it")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        ensure_directory(tmp_path / "kernel", build)
    assert [path.name for path in tmp_path.iterdir()] == ["kernel.lock"]


def test_of_two_builders_at_once_one_builds_and_the_other_finds_the_result(tmp_path: Path) -> None:
    directory = tmp_path / "kernel"
    builds = []
    both_want_it = threading.Barrier(2)

    def build(temporary: Path, lock: int) -> None:
        builds.append(temporary)
        build_whole(temporary, lock)

    def want() -> None:
        both_want_it.wait()
        ensure_directory(directory, build)

    other = threading.Thread(target=want)
    other.start()
    want()
    other.join()
    assert len(builds) == 1
    assert (directory / "whole").exists()


def test_a_directory_in_the_cache_is_not_built_again(tmp_path: Path) -> None:
    def build(directory: Path, lock: int) -> None:
        raise AssertionError("built again")

    directory = tmp_path / "kernel"
    ensure_directory(directory, build_whole)
    ensure_directory(directory, build)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The shared cache holds whole directories only, whatever becomes of those who build them."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lock_waiters import wait_for_waiter

from paradrive_tools.guest_build.cache import ensure_directory, locked

# Builds directory argv[1]: writes a file, starts a child that inherits the lock, and hangs.
HANGING_BUILD = """
import subprocess, sys
from pathlib import Path
from paradrive_tools.guest_build.cache import ensure_directory, held_locks

def build(directory):
    (directory / "half").write_text("of it")
    child = subprocess.Popen(["cat"], pass_fds=held_locks())
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


def build_whole(directory: Path) -> None:
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
    def build(directory: Path) -> None:
        (directory / "half").write_text("of it")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        ensure_directory(tmp_path / "kernel", build)
    assert [path.name for path in tmp_path.iterdir()] == ["kernel.lock"]


def test_of_two_builders_at_once_one_builds_and_the_other_waits_for_the_result(tmp_path: Path) -> None:
    directory = tmp_path / "kernel"
    lock = tmp_path / "kernel.lock"
    builds = []

    def build(temporary: Path) -> None:
        builds.append(temporary)
        # The other has seen that there is no such directory, and wants to build it, too.
        if len(builds) == 1:
            wait_for_waiter(lock)
            assert len(builds) == 1
        build_whole(temporary)

    with ThreadPoolExecutor(2) as builders:
        wanting = [builders.submit(ensure_directory, directory, build) for _ in range(2)]
    for wanted in wanting:
        wanted.result()
    assert len(builds) == 1
    assert [path.name for path in directory.iterdir()] == ["whole"]


def test_of_those_who_wait_for_a_lock_one_has_it_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    inside: list[int] = []
    seen: list[int] = []

    def enter(number: int) -> None:
        with locked(lock, "the others"):
            inside.append(number)
            # All but the last have somebody behind them.
            if len(seen) < 2:
                wait_for_waiter(lock)
            seen.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(enter, number) for number in range(3)]:
            done.result()
    assert seen == [1, 1, 1]


def test_a_directory_in_the_cache_is_not_built_again(tmp_path: Path) -> None:
    def build(directory: Path) -> None:
        raise AssertionError("built again")

    directory = tmp_path / "kernel"
    ensure_directory(directory, build_whole)
    ensure_directory(directory, build)

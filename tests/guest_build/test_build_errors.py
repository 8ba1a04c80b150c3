# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot be built is said in one line that tells what to do."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from paradrive_tools.guest_build import BuildError, Driver, ensure_guest
from paradrive_tools.guest_build.source import unpack
from paradrive_tools.guest_build.tools import CROSS_COMPILER, run, run_logged
from processes import wait_until_gone


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"powerpc-linux-gnu-gcc .* gcc-powerpc-linux-gnu\b"):
        run([CROSS_COMPILER, "--version"], purpose="the driver")


def test_a_failing_tool_is_quoted_with_its_first_error() -> None:
    with pytest.raises(BuildError, match=r"a\.c:1: error: first$"):
        run(["sh", "-c", "echo begin; echo a.c:1: error: first; echo error: 2; exit 1"], purpose="the driver")


def test_a_failing_long_command_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(BuildError) as error:
        run_logged(
            ["sh", "-c", "echo '  CC a.o'; echo '*** No rule'; exit 2"],
            purpose="the guest kernel",
            directory=tmp_path,
            log=log,
            on_line=lambda _: None,
        )
    assert "*** No rule" in str(error.value) and str(log) in str(error.value)
    assert log.read_text() == "  CC a.o\n*** No rule\n"


def test_a_long_command_that_is_interrupted_ends_with_its_children(tmp_path: Path) -> None:
    numbers: list[int] = []

    def interrupt(line: str) -> None:
        numbers.extend(int(number) for number in line.split())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged(
            ["sh", "-c", "sleep 1000 & echo $! $$; wait"],
            purpose="the guest kernel",
            directory=tmp_path,
            log=tmp_path / "log",
            on_line=interrupt,
        )
    assert len(numbers) == 2
    for number in numbers:
        wait_until_gone(number)


def test_tools_do_not_see_the_variables_of_an_outer_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-n")
    monkeypatch.setenv("KBUILD_OUTPUT", "elsewhere")
    environment = run(["env"], purpose="anything")
    assert "MAKEFLAGS" not in environment
    assert "KBUILD_OUTPUT" not in environment


def test_an_unknown_cpu_is_refused_before_anything_is_built() -> None:
    with pytest.raises(BuildError, match="e600"):
        ensure_guest("e600")


@pytest.mark.parametrize(
    ("makefile", "named"),
    [
        (None, r"broken\.ko.*Makefile"),
        ("modules:\n\ttrue\n", r"broken\.ko"),
        ("modules:\n\tfalse\n", r"broken\.ko.*\*\*\*"),
    ],
)
def test_a_driver_that_cannot_be_built_is_named(tmp_path: Path, makefile: str | None, named: str) -> None:
    if makefile is not None:
        (tmp_path / "Makefile").write_text(makefile)
    with pytest.raises(BuildError, match=named) as error:
        ensure_guest("e500v2", drivers=[Driver(tmp_path, "broken.ko")])
    assert "\n" not in str(error.value)


def test_two_drivers_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"pvctl\.ko"):
        ensure_guest("e500v2", drivers=[Driver(tmp_path, "pvctl.ko")])


def test_the_command_ends_with_status_2_and_one_line() -> None:
    command = [sys.executable, "-m", "paradrive_tools.guest_build", "e600"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("paradrive: error: ")
    assert done.stderr.count("\n") == 1


def test_tools_speak_the_language_in_which_complaints_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    environment = run(["env"], purpose="anything").splitlines()
    assert "LC_ALL=C" in environment
    assert not [line for line in environment if "de_DE" in line]


def test_a_tool_that_asks_gets_no_answer_from_the_terminal() -> None:
    saved, (reader, writer) = os.dup(0), os.pipe()
    os.dup2(reader, 0)
    try:
        assert run(["readlink", "/proc/self/fd/0"], purpose="anything") == f"{os.devnull}\n"
    finally:
        os.dup2(saved, 0)
        for descriptor in (saved, reader, writer):
            os.close(descriptor)


def test_a_tool_may_print_what_is_no_text() -> None:
    assert run(["printf", r"\377 text"], purpose="anything").endswith(" text")


def test_a_tool_that_is_killed_has_failed(tmp_path: Path) -> None:
    command = ["sh", "-c", "kill -KILL $$"]
    with pytest.raises(BuildError):
        run(command, purpose="the driver")
    with pytest.raises(BuildError):
        run_logged(command, purpose="it", directory=tmp_path, log=tmp_path / "log", on_line=lambda _: None)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\xfd7zXZ\0" + bytes(1 << 20)])
def test_a_source_that_cannot_be_unpacked_as_a_whole_is_an_error(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "linux.tar.xz"
    archive.write_bytes(content)
    with pytest.raises(BuildError, match=str(archive)):
        unpack(tmp_path, SimpleNamespace(archive=archive))  # type: ignore[arg-type]

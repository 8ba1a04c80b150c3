# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run --device`` and ``paradrive lint --device``: the user's own models, in saved guests, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from run_command import Run

#: Copies VALUE into guest memory some time after START, and powers off with what is there then.
MODEL = """
from paradrive.devices import RW, WO, Register, RegisterDevice, State, Timer

class Later(RegisterDevice):
    compatible = ("acme,later",)
    state_version = {version}
    timer = Timer()
    work = State(bytes)
    VALUE = Register(0x0, RW, "What.")
    START = Register(0x4, WO, "Where to, later.")

    @START.after_write
    def _start(self, address):
        self.work = address.to_bytes(4, "big") + self.VALUE.to_bytes(4, "big")
        self.timer.after(100)

    @timer.expires
    def _act(self):
        self.memory.write(int.from_bytes(self.work[:4], "big"), self.work[4:])
        self.host.power_off(self.memory.read_number(int.from_bytes(self.work[:4], "big"), 4))
"""
LATER = 0xF000_1000
PROGRAM = f"store32 {LATER}, 9 ; store32 {LATER} + 4, 0x300000 ; again: addi 3, 3, 1 ; b again"


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    write_model(tmp_path, MODEL.format(version=2))
    yield
    sys.modules.pop("acme_later", None)


@pytest.fixture
def ppce500(compile_tree: Callable[[str], bytes]) -> bytes:
    """Return a tree with the device, for the fixture ``run``."""
    return compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / { platform@f00000000 { later@1000 { compatible = "acme,later"; reg = <0x1000 0x1000>; }; }; };"""
    )


def test_device_of_the_current_directory_answers(run: Run) -> None:
    status, output, errors = run(PROGRAM, "--device", "acme_later:Later")
    assert (status, errors) == (64 + 9, "")
    assert "powered off through later" in output


def test_node_can_be_given_a_model(run: Run) -> None:
    status, _, errors = run(PROGRAM, "--device", "/platform@f00000000/later@1000=acme_later:Later")
    assert (status, errors) == (64 + 9, "")


def test_device_that_the_tree_lacks_is_a_warning(run: Run) -> None:
    _, _, errors = run("shutdown 0 ; b .", "--device", "acme,latter=acme_later:Later")
    assert "acme,latter" in errors


@pytest.mark.parametrize("name", ["acme_absent:Later", "acme_later:Earlier", "acme_later", "os:path"])
def test_name_of_no_device_is_one_line(run: Run, name: str) -> None:
    status, output, errors = run("b .", "--device", name)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert name in errors


def write_model(directory: Path, source: str) -> None:
    """Write the module of the device, in the place of another one perhaps."""
    (directory / "acme_later.py").write_text(source)
    # Of one as long that is rewritten within a second, Python would take what it has compiled before.
    shutil.rmtree(directory / "__pycache__", ignore_errors=True)


def continue_elsewhere(file: Path, *options: str) -> tuple[int, str]:
    """Continue a saved guest in a process of its own; return the status and all lines."""
    command = [sys.executable, "-m", "paradrive_tools.cli", "run", "--load", str(file), *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def saved(run: Run, tmp_path: Path) -> Path:
    """Return the file of a guest that waits for its device."""
    file = tmp_path / "guest.state"
    run(PROGRAM, "--device", "acme_later:Later", "--save", str(file), "--save-at", "60")
    return file


@pytest.mark.parametrize("key", ["", "acme,later=", "acme,some-other-name="])
def test_saved_guest_continues_elsewhere_in_the_middle_of_a_request(saved: Path, key: str) -> None:
    status, _ = continue_elsewhere(saved, "--device", f"{key}acme_later:Later", "--engine", "compiled")
    assert status == 64 + 9


def test_class_that_only_the_file_names_is_not_imported(saved: Path, tmp_path: Path) -> None:
    write_model(tmp_path, "open('imported', 'w')")
    status, lines = continue_elsewhere(saved)
    assert (status, lines.count("\n")) == (2, 1)
    assert "acme_later:Later" in lines and str(saved) in lines
    assert not (tmp_path / "imported").exists()


def test_state_of_a_newer_model_is_refused(saved: Path, tmp_path: Path) -> None:
    write_model(tmp_path, MODEL.format(version=1))
    status, lines = continue_elsewhere(saved, "--device", "acme_later:Later")
    assert (status, lines.count("\n")) == (2, 1)
    assert "later@1000" in lines


def test_newer_model_takes_over_what_an_older_one_has_saved(saved: Path, tmp_path: Path) -> None:
    newer = (
        MODEL.format(version=3)
        + """
    def upgrade(self, state, version):
        assert version == 2
        state["registers"]["VALUE"] = 11
        state["state"]["work"] = state["state"]["work"][:4] + bytes((0, 0, 0, 11))
        return state
"""
    )
    write_model(tmp_path, newer)
    assert continue_elsewhere(saved, "--device", "acme_later:Later")[0] == 64 + 11


def test_linter_asks_the_device_that_the_user_names(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from paradrive_tools.cli import main

    write_model(
        tmp_path,
        "from paradrive.devices.pvctl import Pvctl\n"
        "class Future(Pvctl):\n    def __init__(self):\n        super().__init__(version=9 << 16)\n",
    )
    tree = tmp_path / "tree.dts"
    tree.write_text('/dts-v1/;\n/include/ "ppce500.dtsi"\n/include/ "e500v2.dtsi"\n')
    assert main(["lint", str(tree)]) == 0
    assert "bound" in capfd.readouterr().out
    main(["lint", str(tree), "--device", "acme_later:Future"])
    assert "version 9" in capfd.readouterr().out
    assert main(["lint", str(tree), "--device", "acme_absent:Future"]) == 2
    assert "acme_absent" in capfd.readouterr().err

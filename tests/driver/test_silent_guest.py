# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run`` of the real kernel on a machine without a UART: what it could not print is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from paradrive_tools.cli import main
from paradrive_tools.guest_build.trees import compile_tree

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from paradrive.testing.guest import GuestFiles

TREE = """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
    &serial0 { status = "disabled"; }; &serial1 { status = "disabled"; };"""


def test_kernel_that_panics_without_a_console_is_heard(
    guest_files: GuestFiles, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, blob = tmp_path / "silent.dts", tmp_path / "silent.dtb"
    source.write_text(TREE)
    compile_tree(source, blob)
    saved, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        options = ["--kernel", str(guest_files.kernel), "--initrd", str(guest_files.initrd)]
        status = main(["run", *options, "--dtb", str(blob), "--append", "act=panic panic=-1"])
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(nothing)
    assert status == 4
    assert "Attempted to kill init!" in capfd.readouterr().out

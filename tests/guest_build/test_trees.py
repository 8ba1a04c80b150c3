# SPDX-License-Identifier: GPL-2.0-or-later
"""The device trees: without warnings, and as QEMU's ppce500 lays the machine out."""

import subprocess
from pathlib import Path

import pytest

from paradrive_tools.guest_build import BuildError
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.guest_build.trees import compile_tree, tree_of

TREES = sorted(TREE_SOURCES.glob("*.dts"))


def compiled(name: str, directory: Path) -> Path:
    blob = directory / f"{name}.dtb"
    compile_tree(TREE_SOURCES / f"{name}.dts", blob)
    return blob


def cells(blob: Path, node: str, name: str) -> list[int]:
    command = ["fdtget", "-t", "x", str(blob), node, name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(cell, 16) for cell in output.split()]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_dtc_has_nothing_to_say_of_the_tree(tree: Path, tmp_path: Path) -> None:
    compile_tree(tree, tmp_path / "tree.dtb")
    assert (tmp_path / "tree.dtb").read_bytes()[:4] == b"\xd0\x0d\xfe\xed"


def test_a_warning_of_dtc_is_an_error_of_one_line(tmp_path: Path) -> None:
    source = tmp_path / "bad.dts"
    source.write_text("/dts-v1/; / { unit@0 { }; };")
    with pytest.raises(BuildError, match=r"bad\.dts.*unit_address_vs_reg") as error:
        compile_tree(source, tmp_path / "bad.dtb")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "bad.dtb").exists()


def test_a_syntax_error_is_an_error_of_one_line(tmp_path: Path) -> None:
    source = tmp_path / "bad.dts"
    source.write_text("/dts-v1/; / {")
    with pytest.raises(BuildError, match=r"bad\.dts") as error:
        compile_tree(source, tmp_path / "bad.dtb")
    assert "\n" not in str(error.value)


def test_pvctl_is_orthogonal_to_ccsr(tmp_path: Path) -> None:
    blob = compiled("ppce500", tmp_path)
    _, *ccsr, ccsr_size = cells(blob, "/soc@fe0000000", "ranges")
    _, *platform, platform_size = cells(blob, "/platform@f00000000", "ranges")
    offset, size = cells(blob, "/platform@f00000000/pvctl@0", "reg")
    ccsr_base, platform_base = (high << 32 | low for high, low in (ccsr, platform))
    assert offset + size <= platform_size
    pvctl = range(platform_base + offset, platform_base + offset + size)
    assert pvctl.stop <= ccsr_base or pvctl.start >= ccsr_base + ccsr_size


def test_both_serial_ports_share_an_interrupt(tmp_path: Path) -> None:
    blob = compiled("ppce500", tmp_path)
    ports = [cells(blob, f"/soc@fe0000000/serial@{unit}", "interrupts") for unit in ("4500", "4600")]
    assert ports == [[42, 2], [42, 2]]


def test_mpc8544ds_has_nothing_but_the_chip(tmp_path: Path) -> None:
    blob = compiled("mpc8544ds", tmp_path)
    command = ["fdtget", "-l", str(blob), "/"]
    nodes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(nodes) == ["aliases", "chosen", "cpus", "memory@0", "soc@e0000000"]
    assert cells(blob, "/soc@e0000000", "ranges") == [0, 0, 0xE000_0000, 0x10_0000]


def test_there_is_no_mpc8544ds_with_an_e500mc() -> None:
    with pytest.raises(BuildError, match=r"mpc8544ds.*e500mc"):
        tree_of("mpc8544ds", "e500mc")


@pytest.mark.parametrize(("name", "line_size"), [("ppce500", 32), ("ppce500-e500mc", 64)])
def test_the_cache_lines_are_those_of_the_cpu(name: str, line_size: int, tmp_path: Path) -> None:
    cpu = "/cpus/PowerPC,8544@0"
    blob = compiled(name, tmp_path)
    assert cells(blob, cpu, "d-cache-line-size") == [line_size]
    assert cells(blob, cpu, "i-cache-line-size") == [line_size]


def test_the_loader_is_left_to_choose_arguments_and_initramfs(tmp_path: Path) -> None:
    blob = compiled("ppce500", tmp_path)
    command = ["fdtget", "-p", str(blob), "/chosen"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == [
        "stdout-path"
    ]

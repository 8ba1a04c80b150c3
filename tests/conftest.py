# SPDX-License-Identifier: GPL-2.0-or-later
"""Small guests for tests of the machine: device trees from source text, programs from assembly text."""

from __future__ import annotations

import signal
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from paradrive.devicetree.node import DeviceTree

if TYPE_CHECKING:
    from collections.abc import Callable

# A shell that starts the suite in the background has it ignore these, and what ignores them at its start goes
# on ignoring them; the tests of the terminal are about a command in the foreground.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

CHECKOUT = Path(__file__).resolve().parents[1]

#: Maps the ppce500's CCSR (0xf_e000_0000) at 0xe0000000 and its platform bus (0xf_0000_0000) at 0xf0000000,
#: 1 MiB of each; uses r3.
MAP_DEVICES = """
    .macro map_1m entry, effective, physical
    lis 3, 0x1000 | \\entry ; mtspr 624, 3
    lis 3, 0x8000 ; ori 3, 3, 0x0500 ; mtspr 625, 3
    lis 3, \\effective ; ori 3, 3, 0x000a ; mtspr 626, 3
    lis 3, \\physical ; ori 3, 3, 0x003f ; mtspr 627, 3
    li 3, 0xf ; mtspr 944, 3
    tlbwe ; isync
    .endm
    map_1m 1, 0xe000, 0xe000
    map_1m 2, 0xf000, 0x0000
    .set uart, 0xe0004500
    .set rstcr, 0xe00e00b0
    .set pvctl, 0xf0000000
    .macro store32 address, value
    lis 4, \\address@ha ; lis 5, \\value@h ; ori 5, 5, \\value@l ; stw 5, \\address@l(4)
    .endm
    .macro print character
    lis 4, uart@ha ; li 5, \\character ; stb 5, uart@l(4)
    .endm
    .macro shutdown code
    store32 pvctl + 0x0c, 0x1f
    store32 pvctl + 0x14, \\code
    store32 pvctl + 0x10, 1
    .endm
"""


@cache
def compiled_tree(source: str) -> bytes:
    command = ["dtc", "-q", "-i", str(CHECKOUT / "dts"), "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source.encode(), stdout=subprocess.PIPE, check=True).stdout


@cache
def assembled(program: str) -> bytes:
    with TemporaryDirectory() as directory:
        source, elf = Path(directory, "guest.S"), Path(directory, "guest.elf")
        source.write_text(f".globl _start\n_start:\n{program}\n")
        command = ["powerpc-linux-gnu-gcc", "-mcpu=e500mc", "-nostdlib", "-static"]
        linking = ["-Wl,-Ttext=0", "-Wl,-z,max-page-size=4096", "-Wl,--build-id=none"]
        subprocess.run([*command, *linking, "-o", str(elf), str(source)], check=True)
        return elf.read_bytes()


@pytest.fixture
def compile_tree() -> Callable[[str], bytes]:
    """Return what compiles a tree's source; the project's own sources can be included."""
    return compiled_tree


@pytest.fixture
def make_tree() -> Callable[[str], DeviceTree]:
    """Return what makes a tree of the source of its root's members."""
    return lambda members: DeviceTree(compiled_tree(f"/dts-v1/; / {{ {members} }};"), "test.dtb")


@pytest.fixture
def assemble(tmp_path: Path) -> Callable[[str], Path]:
    """Return what makes an ELF file of a program, linked to run at 0, where it is entered."""

    def assemble_source(program: str) -> Path:
        elf = tmp_path / "guest.elf"
        elf.write_bytes(assembled(program))
        return elf

    return assemble_source


@pytest.fixture
def map_devices() -> str:
    """Return the beginning of a program that uses devices, with macros for the most usual ones."""
    return MAP_DEVICES


@pytest.fixture
def ppce500(compile_tree: Callable[[str], bytes]) -> bytes:
    """Return the blob of the project's ppce500 with an e500v2."""
    return compile_tree((CHECKOUT / "dts" / "ppce500.dts").read_text())


# How long an example takes says how busy the host is.
settings.register_profile("paradrive", deadline=None)
settings.load_profile("paradrive")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes a minute or more, so it is started before the others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first: no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)

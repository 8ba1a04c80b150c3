# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of saved machines: other versions, damage, forgery, and how they come into being."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from program_guest import PVCTL, printed_by

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.devices.pvctl import BootReason, Pvctl
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine import saved_machine, state_file
from paradrive.machine.boot import Initrd
from paradrive.machine.outcome import PoweredOff
from paradrive_dev import fuzz_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from program_guest import Boot

    from paradrive.machine.machine import Machine

CORRUPTIONS = 150


@pytest.fixture
def saved(boot: Boot, tmp_path: Path) -> Path:
    """Return the file of a guest that has enabled all of pvctl and is about to power off."""
    machine = boot("store32 pvctl + 0x0c, 0x1f ; print 'a' ; nop ; shutdown 5 ; b .", memory_size=1 << 20)
    while not printed_by(machine):
        machine.run(1, reset_limit=0)
    file = tmp_path / "guest.state"
    saved_machine.save(machine, str(file))
    return file


def load(file: Path) -> Machine:
    return saved_machine.load(str(file), lambda byte: None, engine="reference")


def refusal(file: Path) -> str:
    """Return with which line a file is refused, without its name."""
    with pytest.raises(InputError) as caught:
        load(file)
    assert caught.value.source.startswith(str(file))
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.reason


def reseal(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the parts of a file, whose checksums are right after that."""
    contents = state_file.read(str(file))
    parts = dict(contents.parts)
    change(parts)
    state_file.write(str(file), contents._replace(parts=parts))


def change_state(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    def change_part(parts: dict[str, bytes]) -> None:
        state = json.loads(parts["state"])
        change(state)
        parts["state"] = json.dumps(state).encode()

    reseal(file, change_part)


def change_manifest(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    contents = file.read_bytes()
    start = len(state_file.MAGIC) + 36
    size = int.from_bytes(contents[start - 36 : start - 32], "big")
    manifest = json.loads(contents[start : start + size])
    change(manifest)
    text = json.dumps(manifest).encode()
    header = len(text).to_bytes(4, "big") + hashlib.sha256(text).digest()
    file.write_bytes(state_file.MAGIC + header + text + contents[start + size :])


# Versions


def test_file_of_before_the_memory_size_was_kept_is_loaded(saved: Path) -> None:
    change_manifest(saved, lambda manifest: manifest.pop("memory_size"))
    assert load(saved).run(1000, reset_limit=0) == PoweredOff(5)


@pytest.mark.parametrize("number", [-1, 0, 1 << 40, None, True])
def test_mark_of_bytes_that_the_file_does_not_have_is_refused(saved: Path, number: object) -> None:
    change_state(saved, lambda state: state["devices"][PVCTL].update(more={saved_machine._BYTES: number}))
    assert "bytes" in refusal(saved)


def test_page_of_an_image_that_the_guest_has_emptied_stays_empty(boot: Boot, tmp_path: Path) -> None:
    machine = boot("b .", memory_size=1 << 20)
    image = machine.images.device_tree.address
    page, size = image & -PAGE_SIZE, PAGE_SIZE
    assert machine.write_memory(page, bytes(size))
    file = tmp_path / "guest.state"
    saved_machine.save(machine, str(file))
    assert bytes(load(file).memories[0].contents[page : page + size]) == bytes(size)


def test_file_of_a_newer_format_is_refused(saved: Path) -> None:
    change_manifest(saved, lambda manifest: manifest.update(format=2))
    refusal(saved)


def test_newer_device_is_refused_and_named_with_its_versions(saved: Path) -> None:
    newer = Pvctl.state_version + 1
    change_state(saved, lambda state: state["devices"][PVCTL].update(version=newer))
    assert refusal(saved).startswith("pvctl@0: ")


def test_newer_core_is_refused(saved: Path) -> None:
    change_state(saved, lambda state: state["cpu"].update(version=2))
    assert refusal(saved).startswith("e500v2: ")


def test_older_device_state_loads_into_a_newer_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pvctl, "state_version", Pvctl.state_version + 1)
    change_state(saved, lambda state: state["devices"][PVCTL]["registers"].pop("EVENT_MASK"))
    machine = load(saved)
    assert machine.devices[PVCTL].read(0x20, 4) == 0
    assert machine.run(1000, reset_limit=0) == PoweredOff(5)


def test_why_the_guest_has_started_is_known_of_older_files(saved: Path) -> None:
    def as_before(state: dict[str, Any]) -> None:
        del state["progress"]["boot_reason"]
        state["devices"][PVCTL]["boot_reason"] = int(BootReason.HOST_RESET)

    change_state(saved, as_before)
    assert load(saved).boot_reason is BootReason.HOST_RESET


@pytest.mark.parametrize("reason", [4, -1, "cold", None])
def test_unknown_boot_reason_is_refused(saved: Path, reason: object) -> None:
    change_state(saved, lambda state: state["progress"].update(boot_reason=reason))
    assert "boot_reason" in refusal(saved)


def test_device_that_was_not_there_then_is_as_after_power_on(saved: Path) -> None:
    change_state(saved, lambda state: state["devices"].pop(PVCTL))
    assert load(saved).devices[PVCTL].read(0x0C, 4) == 0


def test_device_without_a_model_here_is_refused(saved: Path) -> None:
    change_state(saved, lambda state: state["devices"].update({"/new\nthing": {"version": 1}}))
    assert "/new thing" in refusal(saved)


def test_file_whose_initrd_lies_elsewhere_is_refused(boot: Boot, tmp_path: Path) -> None:
    """What its RAM is told as a difference from would not be the same."""
    file = tmp_path / "guest.state"
    saved_machine.save(boot("b .", initrd=Initrd("initrd", b"cpio")), str(file))
    load(file).destroy()

    def move_initrd(parts: dict[str, bytes]) -> None:
        tree = DeviceTree(parts["tree"])
        tree.chosen().set_cells("linux,initrd-start", [0x100_0000])
        parts["tree"] = tree.to_fdt()

    reseal(file, move_initrd)
    assert "initrd" in refusal(file)


@pytest.mark.parametrize(
    "key",
    [
        "machine",
        "cpu",
    ],
)
def test_machine_that_this_version_does_not_have_is_refused(saved: Path, key: str) -> None:
    change_manifest(saved, lambda manifest: manifest.update({key: "new"}))
    assert "'new'" in refusal(saved)


def test_features_that_this_host_does_not_offer_are_no_longer_enabled(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pvctl.__init__, "__kwdefaults__", {"features": 1, "version": 1 << 16})
    assert load(saved).devices[PVCTL].read(0x0C, 4) == 1


# Damage


@pytest.mark.parametrize("half", range(2))
def test_random_damage_is_refused_and_forgery_harms_nobody(tmp_path: Path, half: int) -> None:
    path = tmp_path / "state"
    file = fuzz_state.save_tiny_guest(path)
    for seed in range(half * CORRUPTIONS, (half + 1) * CORRUPTIONS):
        fuzz_state.check(file, seed, path)


def test_every_truncation_is_refused(saved: Path) -> None:
    contents = saved.read_bytes()
    lengths = [*range(120), *range(120, len(contents), 97), len(contents) - 1]
    for length in lengths:
        saved.write_bytes(contents[:length])
        refusal(saved)


def test_every_byte_is_under_a_checksum(saved: Path) -> None:
    contents = saved.read_bytes()
    for place in [*range(700), *range(700, len(contents), 41)]:
        flipped = bytearray(contents)
        flipped[place] ^= 1 << place % 8
        saved.write_bytes(flipped)
        refusal(saved)
    saved.write_bytes(contents + b"\0")
    refusal(saved)


def test_other_files_are_no_saved_machines(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x7fELF")
    refusal(file)
    refusal(tmp_path / "nothing")


# Forgery: checksums are right, contents are not


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("msr", 1 << 31),
        ("time", 1 << 62),
        ("skipped", 1 << 40),
        ("gpr", [0] * 33),
        ("gpr", [0] * 31 + ["r31"]),
        ("pending", ["stop"]),
        ("edges_due", ["decrementer"]),
        ("edges_due", [[]]),
        ("spr", {"MAS7": 16}),
        ("spr", {"DSRR0": 0}),
        ("tlb1", [{"number": 16, "size": 4096}]),
        ("tlb1", [{"number": 0, "size": 8192, "epn": 4096}]),
        ("tlb1", [{"number": 0, "size": 1024}]),
        ("tlb1", [{"number": 0, "size": 12288}]),
        ("tlb1", [{"number": 0, "size": 4096, "rpn": 1 << 36}]),
        ("tlb0", [{"set": 0, "way": 0, "size": 16384}]),
        ("decrementer", 7),
    ],
)
def test_state_that_no_core_can_have_is_refused(saved: Path, key: str, value: object) -> None:
    change_state(saved, lambda state: state["cpu"].update({key: value}))
    assert refusal(saved).startswith("e500v2: ")


def test_ram_that_expands_beyond_its_pages_is_refused_before_it_does(saved: Path) -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    reseal(saved, lambda parts: parts.update(ram=bomb))
    tracemalloc.start()
    try:
        refusal(saved)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "change",
    [
        lambda stream: stream + b"\0",
        lambda stream: stream + stream,
        lambda stream: stream[:-1],
        lambda stream: zlib.compress(bytes(3 * 4096)),
        lambda stream: zlib.compress(bytes(2 * 4096 + 1)),
        lambda stream: zlib.compress(bytes(2 * 4096 - 1)),
        lambda stream: zlib.compress(bytes(4096)),
    ],
)
def test_ram_that_is_not_exactly_one_stream_of_its_pages_is_refused(
    saved: Path, change: Callable[[bytes], bytes]
) -> None:
    stream = zlib.compress(b"page" * 2048)
    reseal(saved, lambda parts: parts.update(pages=b"\0\0\0\x40\0\0\0\x42", ram=stream))
    assert bytes(load(saved).memories[0].view[0x42FFC:0x43000]) == b"page"
    reseal(saved, lambda parts: parts.update(ram=change(stream)))
    assert "RAM" in refusal(saved)


@pytest.mark.parametrize("missing", ["state", "tree", "kernel", "pages", "ram"])
def test_file_without_a_part_is_refused(saved: Path, missing: str) -> None:
    reseal(saved, lambda parts: parts.pop(missing) and None)
    assert repr(missing) in refusal(saved)


@pytest.mark.parametrize(
    "parts",
    [
        {"state": b"[" * 100_000},
        {"state": b" " * (saved_machine.MAX_STATE_SIZE + 1)},
        {"pages": b"abc"},
        {"pages": bytes(4 << 18) + b"more"},
        {"pages": b"\0\1\0\0", "ram": zlib.compress(bytes(4096))},
        {"ram": b"no zlib stream"},
        {"kernel": b""},
        {"tree": b""},
    ],
)
def test_part_that_cannot_be_is_refused(saved: Path, parts: dict[str, bytes]) -> None:
    reseal(saved, lambda all_parts: all_parts.update(parts))
    refusal(saved)


@pytest.mark.parametrize("size", ["64M", True, 0, -4096, 1 << 64, 1.5])
def test_memory_size_that_cannot_be_is_refused(saved: Path, size: object) -> None:
    change_manifest(saved, lambda manifest: manifest.update(memory_size=size))
    refusal(saved)


def test_memory_size_that_the_host_cannot_reserve_is_refused(saved: Path) -> None:
    change_manifest(saved, lambda manifest: manifest.update(memory_size=1 << 60))
    refusal(saved)


# Writing


def test_killed_save_leaves_the_old_file(saved: Path, tmp_path: Path) -> None:
    old = saved.read_bytes()
    program = (
        "import os, signal, sys\n"
        "from paradrive.machine import saved_machine\n"
        "machine = saved_machine.load(sys.argv[1], lambda byte: None, engine='reference')\n"
        "machine.run(10, reset_limit=0)\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "saved_machine.save(machine, sys.argv[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(saved)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert saved.read_bytes() == old
    assert load(saved).run(1000, reset_limit=0) == PoweredOff(5)


def test_save_that_fails_leaves_the_old_file_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, old = load(saved), saved.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(InputError, match=r"guest\.state"):
        saved_machine.save(machine, str(saved))
    assert saved.read_bytes() == old
    assert [file.name for file in saved.parent.iterdir() if "state" in file.name] == [saved.name]


def test_save_into_no_directory_is_refused(saved: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        saved_machine.save(load(saved), str(saved / "nowhere" / "file").replace("guest.state", "gone"))
    with pytest.raises(InputError):
        saved_machine.save(load(saved), "a\0b")


@pytest.mark.parametrize("part", ["devices", "blobs"])
@pytest.mark.parametrize("depth", [100, 450, 600, 900, 5000])
def test_state_that_nests_deep_is_refused(saved: Path, part: str, depth: int) -> None:
    def nest(parts: dict[str, bytes]) -> None:
        state = json.loads(parts["state"]) | {part: {PVCTL: "HERE"}}
        parts["state"] = json.dumps(state).encode().replace(b'"HERE"', b"[" * depth + b"]" * depth)

    reseal(saved, nest)
    refusal(saved)

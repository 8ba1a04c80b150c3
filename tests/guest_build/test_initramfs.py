# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs, read back as the kernel's driver-api/early-userspace/buffer-format.rst describes it."""

import stat
from pathlib import Path
from typing import NamedTuple

from paradrive_tools.guest_build.initramfs import Entry, initramfs_entries, newc_archive


class Member(NamedTuple):
    name: str
    mode: int
    content: bytes
    device: tuple[int, int]


def read_newc(archive: bytes) -> list[Member]:
    members, position = [], 0
    while True:
        header = archive[position : position + 110]
        assert header[:6] == b"070701"
        field = [int(header[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size, device = field[1], field[6], field[11], (field[9], field[10])
        name_end = position + 110 + name_size
        assert archive[name_end - 1] == 0
        name = archive[position + 110 : name_end - 1].decode()
        start = -(-name_end // 4) * 4
        position = -(-(start + size) // 4) * 4
        if name == "TRAILER!!!":
            assert position == len(archive)
            return members
        members.append(Member(name, mode, archive[start : start + size], device))


def test_members_keep_name_mode_content_and_device() -> None:
    entries = [
        Entry("d", stat.S_IFDIR | 0o755),
        *(Entry(f"d/{'f' * n}", stat.S_IFREG | 0o644, b"x" * n) for n in range(1, 9)),
        Entry("d/console", stat.S_IFCHR | 0o600, device=(5, 1)),
    ]
    assert [Member(*vars(entry).values()) for entry in entries] == read_newc(newc_archive(entries))


def test_equal_entries_give_equal_archives() -> None:
    entries = [Entry("init", stat.S_IFREG | 0o755, b"program")]
    assert newc_archive(entries) == newc_archive(list(entries))


def test_every_directory_comes_before_what_is_in_it() -> None:
    seen = {""}
    for entry in initramfs_entries(b"", []):
        assert entry.name.rpartition("/")[0] in seen
        seen.add(entry.name)


def test_modules_are_listed_in_the_order_of_loading(tmp_path: Path) -> None:
    modules = [tmp_path / "second.ko", tmp_path / "first.ko"]
    for module in modules:
        module.write_bytes(module.name.encode())
    members = {member.name: member for member in read_newc(newc_archive(initramfs_entries(b"", modules)))}
    assert members["modules.list"].content == b"/lib/modules/second.ko\n/lib/modules/first.ko\n"
    assert members["lib/modules/first.ko"].content == b"first.ko"


def test_the_kernel_finds_an_executable_init_and_the_console() -> None:
    members = {member.name: member for member in read_newc(newc_archive(initramfs_entries(b"program", [])))}
    assert members["init"].mode == stat.S_IFREG | 0o755
    assert stat.S_ISCHR(members["dev/console"].mode)
    assert members["dev/console"].device == (5, 1)


def test_programs_can_be_executed_and_are_where_they_are_called() -> None:
    entries = initramfs_entries(b"", [], {"bin/agent": b"agent", "sbin/reboot": b"reboot"})
    members = {member.name: member for member in read_newc(newc_archive(entries))}
    for name, content in (("bin/agent", b"agent"), ("sbin/reboot", b"reboot")):
        assert (members[name].mode, members[name].content) == (stat.S_IFREG | 0o755, content)

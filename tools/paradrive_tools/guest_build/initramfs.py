# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs: init, the modules under test and the console's device node.

It is not compressed: the guest would need more instructions to inflate it than to copy it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.command import CROSS_COMPILER, run
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD, USERLAND_SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: Every guest can run it: no floating point, and the instructions that all PowerPC cores have in common.
_INIT_FLAGS = (
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Os",
    "-msoft-float",
    "-static",
    "-nostdlib",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    # The linker's default of 64 KiB pages would make the file 66 kB instead of 4.6 kB.
    "-Wl,-z,max-page-size=4096",
    "-Wl,--build-id=none",
    "-s",
)


@dataclass(frozen=True)
class Entry:
    """One member of the archive; ``mode`` includes the file type, ``device`` is (major, minor)."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def ensure_initramfs(cpu: str, kernel: Path, modules: Sequence[Path]) -> Path:
    """Return the initramfs that loads ``modules`` in this order, building it if need be."""
    init = ensure_init(cpu, kernel)
    archive = BUILD / cpu / f"initramfs-{'-'.join(module.stem for module in modules)}.cpio"
    refresh(
        archive,
        (init, *modules),
        lambda: _write(archive, newc_archive(initramfs_entries(init.read_bytes(), modules))),
    )
    return archive


def ensure_init(cpu: str, kernel: Path) -> Path:
    """Return the guest's init, compiled with the nolibc of this kernel if need be."""
    init = BUILD / cpu / "init"
    source = USERLAND_SOURCES / "init.c"
    nolibc = kernel.resolve() / "tools/include/nolibc/nolibc.h"
    command = [CROSS_COMPILER, *_INIT_FLAGS, "-include", str(nolibc), str(source), "-o", str(init), "-lgcc"]
    refresh(init, (source, nolibc), lambda: _run(command))
    return init


def initramfs_entries(init: bytes, modules: Sequence[Path]) -> list[Entry]:
    """Return what the guest finds; init.c reads /modules.list."""
    paths = [f"lib/modules/{module.name}" for module in modules]
    listing = "".join(f"/{path}\n" for path in paths)
    return [
        Entry("dev", stat.S_IFDIR | 0o755),
        # The kernel opens it for init before devtmpfs is mounted.
        Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        Entry("init", stat.S_IFREG | 0o755, init),
        Entry("lib", stat.S_IFDIR | 0o755),
        Entry("lib/modules", stat.S_IFDIR | 0o755),
        *(
            Entry(path, stat.S_IFREG | 0o644, module.read_bytes())
            for path, module in zip(paths, modules, strict=True)
        ),
        Entry("modules.list", stat.S_IFREG | 0o644, listing.encode()),
    ]


def newc_archive(entries: Iterable[Entry]) -> bytes:
    """Return a cpio archive in the "newc" format (kernel: driver-api/early-userspace/buffer-format.rst).

    Owners, times and links are zero, so that equal entries give equal archives.
    """
    members = [*entries, Entry("TRAILER!!!", 0)]
    return b"".join(_member(number, entry) for number, entry in enumerate(members, start=1))


def _member(inode: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    user = group = modified = checksum = 0
    links = 1
    # The device that holds the file, then the device that it is; each major before minor.
    devices = (0, 0, *entry.device)
    fields = (
        inode,
        entry.mode,
        user,
        group,
        links,
        modified,
        len(entry.content),
        *devices,
        len(name),
        checksum,
    )
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _run(command: Sequence[str]) -> None:
    run(command, purpose="the guest's init")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)

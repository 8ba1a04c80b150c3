# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs: init, programs, the modules under test and the console's device node.

It is not compressed: the guest would need more instructions to inflate it than to copy it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from paradrive.host.outputs import write_output
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD, USERLAND_SOURCES
from paradrive_tools.guest_build.tools import CROSS_COMPILER, run, tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The programs beside init: where each is in the guest, and its source.
_PROGRAMS = {
    "bin/agent": USERLAND_SOURCES / "agent.c",
    "bin/report_devices": USERLAND_SOURCES / "report_devices.c",
    "sbin/poweroff": USERLAND_SOURCES / "reboot.c",
    "sbin/reboot": USERLAND_SOURCES / "reboot.c",
}

#: Every guest can run it: no floating point, and the instructions that all PowerPC cores have in common.
_PROGRAM_FLAGS = (
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


def ensure_initramfs(configuration: str, kernel: Path, modules: Sequence[Path]) -> Path:
    """Return the initramfs that loads ``modules`` in this order, building it if need be.

    ``configuration`` is the name of the kernel in the directory ``kernel``.
    """
    init = ensure_program(configuration, kernel, USERLAND_SOURCES / "init.c")
    programs = {name: ensure_program(configuration, kernel, source) for name, source in _PROGRAMS.items()}
    archive = BUILD / configuration / f"initramfs-{'-'.join(module.stem for module in modules)}.cpio"

    def build() -> None:
        contents = {name: program.read_bytes() for name, program in programs.items()}
        entries = initramfs_entries(init.read_bytes(), modules, contents)
        # Replaced as a whole: others may be booting what is there.
        write_output(str(archive), [newc_archive(entries)])

    # This file is an input too: it says what is where in the archive.
    refresh(archive, (init, *programs.values(), *modules, Path(__file__)), build)
    return archive


def ensure_program(configuration: str, kernel: Path, source: Path) -> Path:
    """Return the program of one C file, compiled with the nolibc of this kernel if need be."""
    program = BUILD / configuration / "programs" / source.parent.name / source.stem
    nolibc = kernel.resolve() / "tools/include/nolibc/nolibc.h"
    headers = sorted(source.parent.rglob("*.h"))
    command = [CROSS_COMPILER, *_PROGRAM_FLAGS, "-include", str(nolibc), str(source), "-lgcc"]
    purpose = f"the guest's {source.stem}"

    def build() -> None:
        run([*command, "-o", str(program)], purpose=purpose)

    refresh(program, (source, nolibc, *headers, tool(CROSS_COMPILER)), build, recipe=command)
    return program


def initramfs_entries(
    init: bytes, modules: Sequence[Path], programs: Mapping[str, bytes] = MappingProxyType({})
) -> list[Entry]:
    """Return what the guest finds; ``programs`` by their paths, and what init.c reads: /modules.list."""
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
        *(Entry(directory, stat.S_IFDIR | 0o755) for directory in directories(programs)),
        *(Entry(path, stat.S_IFREG | 0o755, program) for path, program in programs.items()),
        Entry("modules.list", stat.S_IFREG | 0o644, listing.encode()),
    ]


def directories(paths: Iterable[str]) -> list[str]:
    """Return the directories that these files are in, each behind those that it is in, without the root."""
    return sorted({str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."})


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

# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's kselftests as programs of 32 bits, without shared libraries: built once, kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.user_cache import cache_directory
from paradrive_tools.guest_build.cache import ensure_directory
from paradrive_tools.guest_build.initramfs import Entry, directories
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.guest_build.source import source_version, unpack
from paradrive_tools.guest_build.tools import CROSS_COMPILER, STRIP, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_tools.guest_build.source import Source

LIST = Path(__file__).with_suffix(".list")
#: Where sources are that the list names with an @.
_OWN = LIST.parent

#: What of the source the programs are made from.
_UNPACKED = tuple(f"*/tools/{part}" for part in ("testing/selftests/*", "include/*", "arch/powerpc/*"))
_SELFTESTS = "tools/testing/selftests"
#: For an e500mc: it has the FPU that the static C library uses.
_COMPILE = (
    *(CROSS_COMPILER, "-m32", "-mcpu=e500mc", "-O2", "-static", "-pthread", "-w"),
    *("-D_GNU_SOURCE=", "-D__SANE_USERSPACE_TYPES__", '-DGIT_VERSION="suites"'),
    *(
        "-I.",
        "-Ifutex/include",
        "-Ipowerpc/include",
    ),
)
#: What every test of powerpc is linked with.
_POWERPC_HARNESS = ("powerpc/harness.c", "powerpc/utils.c")


class Kselftest(NamedTuple):
    """A program: its path without a suffix, and the compiler's arguments, with its source first."""

    name: str
    arguments: tuple[str, ...]


def kselftests() -> list[Kselftest]:
    """Return the programs that kselftests.list names."""
    programs = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            source, *rest = line.split()
            harness = _POWERPC_HARNESS if source.startswith("powerpc/") else ()
            programs.append(Kselftest(source.removesuffix(".c"), (source, *rest, *harness)))
    return programs


def ensure_kselftests(source: Source, programs: Sequence[Kselftest]) -> Path:
    """Return the directory with the ``programs``; BuildError when they cannot be built."""
    compiler = run([CROSS_COMPILER, "--version"], purpose="the kselftests").splitlines()[0]
    version = source_version(source)
    own = {
        path.name: path.read_text(encoding="utf-8") for path in sorted((*_OWN.glob("*.S"), *_OWN.glob("*.c")))
    }
    digest = hashlib.sha256(repr((version, programs, compiler, _COMPILE, own)).encode()).hexdigest()
    directory = cache_directory() / f"kselftests-{version}-{digest[:16]}"

    def build(temporary: Path) -> None:
        tree = temporary / "source"
        tree.mkdir()
        unpack(tree, source, "--wildcards", *_UNPACKED)
        with progress("building the kselftests", len(programs)) as advance:
            for program in programs:
                _compile(program, tree / _SELFTESTS, temporary / program.name)
                advance(1)
        shutil.rmtree(tree)

    ensure_directory(directory, build)
    return directory


def _compile(program: Kselftest, sources: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    purpose = f"the kselftest {program.name}"
    own_directory = f"-I{Path(program.name).parent}"
    arguments = [word.replace("@", f"{_OWN}/", 1) for word in program.arguments]
    command = [*_COMPILE, own_directory, *arguments, "-o", str(target), "-lrt", "-ldl"]
    run(command, purpose=purpose, directory=sources)
    run([STRIP, str(target)], purpose=purpose)


def kselftest_entries(directory: Path) -> list[Entry]:
    """Return what the guest finds of the programs in ``directory``: /tests, and the list for run_tests."""
    programs = {
        f"tests/{path.relative_to(directory)}": path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    listing = "".join(f"/{name}\n" for name in programs)
    return [
        *(Entry(name, stat.S_IFDIR | 0o755) for name in directories(programs)),
        *(Entry(name, stat.S_IFREG | 0o755, path.read_bytes()) for name, path in programs.items()),
        Entry("tests.list", stat.S_IFREG | 0o644, listing.encode()),
    ]

# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a guest are made again when, and only when, what they are made of has changed."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from lock_waiters import wait_for_waiter

from paradrive_tools.guest_build import BuildError, Driver, ensure_guest, guest, initramfs, trees
from paradrive_tools.guest_build import driver as drivers
from paradrive_tools.guest_build.cache import held_locks, locked
from paradrive_tools.guest_build.driver import Module, ensure_module
from paradrive_tools.guest_build.initramfs import ensure_initramfs, ensure_program
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.guest_build.source import unpack
from paradrive_tools.guest_build.tools import CROSS_COMPILER, run, run_logged
from paradrive_tools.guest_build.trees import ensure_tree

if TYPE_CHECKING:
    from collections.abc import Callable

#: Makes a module without Kbuild, in the directory that Makefiles of modules call $(PWD).
MAKEFILE = f"""
modules:
	{CROSS_COMPILER} -c -DMORE='""' -o $(PWD)/thing.ko thing.c
"""
#: What most Makefiles of modules outside the kernel begin with.
USUAL = "modules:\n\t$(MAKE) -C $(KDIR) M=$(PWD) modules\n"
SOURCE = '#include "thing.h"\nconst char told[] = TOLD MORE;\n'


class Workplace:
    """Sources of a driver and a program, two kernels, and what was built for them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.driver = Driver(directory / "driver", "thing.ko")
        self.write("driver/Makefile", MAKEFILE)
        self.write("driver/thing.c", SOURCE)
        self.write("driver/thing.h", '#include "below/told.h"\n')
        self.write("driver/below/told.h", '#define TOLD "first"\n')
        self.write("program/program.c", '#include "program.h"\nint _start(void) { return NUMBER; }\n')
        self.write("program/program.h", '#include "below/number.h"\n')
        self.write("program/below/number.h", "#define NUMBER 1\n")
        for kernel in ("kernel", "other"):
            self.write(f"{kernel}/Module.symvers", f"of {kernel}")
            self.write(f"{kernel}/tools/include/nolibc/nolibc.h", f'const char kernel[] = "{kernel}";\n')

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def module(self, kernel: str = "kernel") -> Module:
        """Return the driver's module."""
        return ensure_module("e500v2", self.directory / kernel, self.driver)

    def program(self, kernel: str = "kernel") -> Path:
        """Return the program."""
        return ensure_program("e500v2", self.directory / kernel, self.directory / "program/program.c")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    for module in (drivers, initramfs, trees, guest):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    return Workplace(tmp_path)


def identity(path: Path) -> tuple[int, int]:
    """Return what tells whether a file is made again."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


@pytest.fixture
def another_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a compiler of the usual name into its place, and return its file, which says which one it is."""
    real = shutil.which(CROSS_COMPILER)
    assert real is not None
    compiler = tmp_path / "bin" / CROSS_COMPILER
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\n# compiler 1\nexec {real} "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{compiler.parent}{os.pathsep}{os.environ['PATH']}")
    return compiler


# The module


def test_a_module_is_built_once(workplace: Workplace) -> None:
    first = [identity(file) for file in workplace.module()]
    assert [identity(file) for file in workplace.module()] == first


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("driver/thing.c", '#include "thing.h"\nconst char told[] = "second";\n'),
        ("driver/thing.h", '#define TOLD "second"\n'),
        ("driver/below/told.h", '#define TOLD "second"\n'),
        ("driver/Makefile", MAKEFILE.replace('""', '"second"')),
    ],
)
def test_a_module_follows_every_file_that_it_is_made_of(workplace: Workplace, file: str, text: str) -> None:
    assert b"first" in workplace.module().stripped.read_bytes()
    workplace.write(file, text)
    module = workplace.module()
    assert b"second" in module.file.read_bytes()
    assert b"second" in module.stripped.read_bytes()


def test_a_module_is_for_the_kernel_that_is_asked_for(workplace: Workplace) -> None:
    first = identity(workplace.module().file)
    second = identity(workplace.module("other").file)
    assert second != first
    assert identity(workplace.module("other").file) == second


def test_a_module_is_for_the_kernel_that_a_link_leads_to_now(workplace: Workplace) -> None:
    # Its symbols may well be the same.
    workplace.write("other/Module.symvers", (workplace.directory / "kernel/Module.symvers").read_text())
    link = workplace.directory / "link"
    link.symlink_to("kernel")
    first = identity(workplace.module("link").file)
    link.unlink()
    link.symlink_to("other")
    assert identity(workplace.module("link").file) != first


def test_a_module_is_made_again_by_another_compiler(workplace: Workplace, another_compiler: Path) -> None:
    first = identity(workplace.module().file)
    before = another_compiler.stat()
    another_compiler.write_text(another_compiler.read_text().replace("compiler 1", "compiler 2"))
    os.utime(another_compiler, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert identity(workplace.module().file) != first


def test_a_header_that_has_been_removed_is_not_compiled_any_more(workplace: Workplace) -> None:
    workplace.module()
    (workplace.directory / "driver/below/told.h").unlink()
    with pytest.raises(BuildError, match=r"told\.h"):
        workplace.module()


def test_a_module_whose_build_was_interrupted_is_made_again(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace.module()
    workplace.write("driver/below/told.h", '#define TOLD "second"\n')

    def interrupted(driver: Driver, directory: Path, *_: object) -> str:
        (directory / driver.module).write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Driver, "make", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workplace.module()
    assert b"second" in workplace.module().stripped.read_bytes()


def test_what_kbuild_has_left_beside_the_sources_is_no_source(workplace: Workplace) -> None:
    workplace.module()
    left = ("thing.mod.c", "thing.o", ".thing.o.cmd", ".git/config.h", "Module.symvers")
    files = [workplace.write(f"driver/{name}", "left") for name in left]
    assert not set(workplace.driver.files()) & set(files)


def test_a_directory_with_far_too_much_in_it_is_refused(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "_MAX_FILES", 3)
    with pytest.raises(BuildError, match=str(workplace.driver.sources)):
        workplace.module()


def test_the_usual_makefile_builds_its_own_directory_and_not_that_of_the_kernel(workplace: Workplace) -> None:
    kernel = workplace.directory / "kernel"
    workplace.write(
        "kernel/Makefile", "modules:\n\tcd $(M) && " + MAKEFILE.partition("\t")[2].replace("$(PWD)", ".")
    )
    workplace.write("driver/Makefile", f"{USUAL}{MAKEFILE.replace('modules', 'of_the_driver')}")
    before = sorted(kernel.rglob("*"))
    assert workplace.module().file.is_file()
    assert sorted(kernel.rglob("*")) == before


# Programs and initramfs


@pytest.mark.parametrize("file", ["program/program.h", "program/below/number.h"])
def test_a_program_follows_its_headers(workplace: Workplace, file: str) -> None:
    first = workplace.program().read_bytes()
    workplace.write(file, "#define NUMBER 2\n")
    assert workplace.program().read_bytes() != first


def test_a_program_is_compiled_with_the_nolibc_of_the_kernel_that_is_asked_for(workplace: Workplace) -> None:
    assert b"kernel" in workplace.program().read_bytes()
    assert b"other" in workplace.program("other").read_bytes()


def test_a_program_is_made_again_by_another_compiler_and_with_other_options(
    workplace: Workplace, another_compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = identity(workplace.program())
    assert identity(workplace.program()) == first
    another_compiler.write_text(another_compiler.read_text().replace("compiler 1", "compiler 2"))
    second = identity(workplace.program())
    assert second != first
    monkeypatch.setattr(initramfs, "_PROGRAM_FLAGS", (*initramfs._PROGRAM_FLAGS, "-DOTHER"))
    assert identity(workplace.program()) != second


def test_an_initramfs_follows_everything_in_it(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    module = workplace.write("build/thing.ko", "module 1")
    made = {name: workplace.write(f"build/{name}", f"{name} 1") for name in ("init", "tool")}
    monkeypatch.setattr(initramfs, "_PROGRAMS", {"bin/tool": Path("tool.c")})
    monkeypatch.setattr(initramfs, "ensure_program", lambda _name, _kernel, source: made[source.stem])

    def archive() -> bytes:
        return ensure_initramfs("e500v2", workplace.directory / "kernel", [module]).read_bytes()

    for content in (b"module 1", b"init 1", b"tool 1"):
        assert content in archive()
    for path in (module, *made.values()):
        changed = path.read_text().replace("1", "2")
        path.write_text(changed)
        assert changed.encode() in archive()


def test_an_initramfs_that_is_being_booted_is_replaced_and_not_written_to(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = workplace.write("build/init", "init 1")
    monkeypatch.setattr(initramfs, "_PROGRAMS", {})
    monkeypatch.setattr(initramfs, "ensure_program", lambda *_: init)
    with ensure_initramfs("e500v2", workplace.directory / "kernel", []).open("rb") as booted:
        init.write_text("init 2")
        ensure_initramfs("e500v2", workplace.directory / "kernel", [])
        assert b"init 1" in booted.read()


# Trees


def test_a_tree_follows_what_it_includes_and_the_checks(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = workplace.directory / "dts"
    shutil.copytree(TREE_SOURCES, sources, ignore=shutil.ignore_patterns("variants", "bindings"))
    monkeypatch.setattr(trees, "TREE_SOURCES", sources)
    first = identity(ensure_tree("ppce500"))
    assert identity(ensure_tree("ppce500")) == first
    included = sources / "ppce500.dtsi"
    included.write_text(included.read_text() + '/ { model = "another"; };\n')
    assert b"another" in ensure_tree("ppce500").read_bytes()
    second = identity(ensure_tree("ppce500"))
    monkeypatch.setattr(trees, "_EXTRA_CHECKS", ())
    assert identity(ensure_tree("ppce500")) != second


# Several processes at once


def test_a_guest_is_built_by_one_process_at_a_time(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def begin(*_: object) -> Path:
        begun.set()
        raise BuildError("begun")

    def want() -> None:
        with pytest.raises(BuildError, match="begun"):
            ensure_guest("e500v2")

    monkeypatch.setattr(guest, "ensure_kernel", begin)
    lock = workplace.directory / "build" / ".e500v2.lock"
    other = threading.Thread(target=want)
    with locked(lock, "the test"):
        other.start()
        wait_for_waiter(lock)
        assert not begun.is_set()
    other.join()
    assert begun.is_set()


#: What starts a tool, in a directory where it leaves its output.
STARTERS: dict[str, Callable[[Path], object]] = {
    "short command": lambda here: run(["tool"], purpose="test", directory=here),
    "long command": lambda here: run_logged(
        ["tool"], purpose="test", directory=here, log=here / "log", on_line=str
    ),
    "unpacking": lambda here: unpack(here, SimpleNamespace(archive=here / "tar")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("starter", STARTERS.values(), ids=list(STARTERS))
def test_whatever_a_builder_starts_keeps_its_locks_should_it_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starter: Callable[[Path], object]
) -> None:
    for name in ("tool", "tar"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nls -l /proc/$$/fd >files\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    locks = [tmp_path / "outer.lock", tmp_path / "inner.lock"]
    with locked(locks[0], "nobody"), locked(locks[1], "nobody"):
        starter(tmp_path)
        inherited = (tmp_path / "files").read_text()
    assert [lock for lock in locks if str(lock) not in inherited] == []
    assert held_locks() == ()

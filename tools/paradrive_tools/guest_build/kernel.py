# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest kernel: Debian's source, configured from a fragment, built once and kept in the shared cache.

A cached kernel is a directory with vmlinux, .config and the tree that external modules build against,
about 65 MB. Nothing in it refers to where it was built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.cache import ensure_directory
from paradrive_tools.guest_build.command import CROSS_COMPILE, CROSS_COMPILER, run, run_logged
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.paths import BUILD, KERNEL_CONFIGURATIONS, cache_directory
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.guest_build.source import SOURCE_ARCHIVE, source_version, unpack_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What Kbuild is always called with, for the kernel and for modules.
KBUILD_ARGUMENTS = ("ARCH=powerpc", f"CROSS_COMPILE={CROSS_COMPILE}")

#: To be raised when what a cached kernel consists of changes.
_RECIPE = 2

#: Two machines shall build the same kernel: it tells neither when nor where it was built.
_REPRODUCIBLE = (
    "KBUILD_BUILD_TIMESTAMP=Thu Jan 1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER=paradrive",
    "KBUILD_BUILD_HOST=paradrive",
    "KBUILD_BUILD_VERSION=1",
)

#: Lines that Kbuild prints for this kernel ("  CC      init/main.o"), for the progress bar.
_KBUILD_LINES = 1050

#: Kept besides what install-extmod-build gathers; it takes no object files, but each module links this one.
#: The aliases of built-in drivers (modules.builtin.modinfo) and the Kconfig files are what the linter asks.
_KEPT = (
    "vmlinux",
    ".config",
    "arch/powerpc/lib/crtsavres.o",
    "tools/include/nolibc",
    "modules.builtin.modinfo",
    "drivers/misc/pvpanic/pvpanic.ko",
    "drivers/misc/pvpanic/pvpanic-mmio.ko",
)


def ensure_kernel(cpu: str) -> Path:
    """Return the directory of the kernel for ``cpu``, building it if need be.

    Raises BuildError when something that it takes is missing or fails.
    """
    kernel = BUILD / cpu / "kernel"
    configuration = KERNEL_CONFIGURATIONS / f"{cpu}.config"
    compiler = Path(shutil.which(CROSS_COMPILER) or CROSS_COMPILER)

    def find_or_build() -> None:
        kernel.unlink(missing_ok=True)
        cached = cache_directory() / _cache_key(cpu, configuration)
        log = BUILD / cpu / "kernel.log"
        ensure_directory(cached, lambda directory, lock: _build(directory, lock, configuration, log))
        kernel.symlink_to(cached)

    if kernel.is_symlink() and kernel.readlink().parent != cache_directory():
        kernel.unlink()
    refresh(kernel, (SOURCE_ARCHIVE, compiler, configuration), find_or_build)
    return kernel


def _cache_key(cpu: str, configuration: Path) -> str:
    """Return the directory name of this kernel, which says what it depends on."""
    compiler = run([CROSS_COMPILER, "--version"], purpose="the guest kernel").splitlines()[0]
    version = source_version()
    settings = "\n".join(_settings(configuration))
    digest = hashlib.sha256("\0".join((version, settings, compiler, str(_RECIPE))).encode()).hexdigest()
    return f"linux-{version}-{cpu}-{digest[:16]}"


def _settings(configuration: Path) -> list[str]:
    lines = configuration.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("CONFIG_")]


def _build(directory: Path, lock: int, configuration: Path, log: Path) -> None:
    """Fill ``directory`` with the kernel: unpack, configure and build beside, keep what is needed."""
    log.write_text("", encoding="utf-8")
    source = directory / "source"
    source.mkdir()
    unpack_source(source, keep_open=lock)

    def kbuild(*arguments: str, on_line: Callable[[str], None] = lambda _: None) -> None:
        run_logged(
            ["make", *KBUILD_ARGUMENTS, *_REPRODUCIBLE, *arguments],
            purpose="the guest kernel",
            directory=source,
            log=log,
            on_line=on_line,
            keep_open=lock,
        )

    kbuild(f"KCONFIG_ALLCONFIG={configuration}", "allnoconfig")
    check_settings(configuration, source / ".config")
    with progress(f"building the guest kernel for {configuration.stem}", _KBUILD_LINES) as advance:
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        kbuild(jobs, "vmlinux", "modules", on_line=lambda line: advance(line.startswith("  ")))
    # The script would build the host's programs anew with the cross compiler, for another machine.
    installed = source / "installed"
    script = "scripts/package/install-extmod-build"
    kbuild("run-command", f"KBUILD_RUN_COMMAND=CC=host HOSTCC=host {script} {installed.name}")
    kconfig_files = [str(path.relative_to(source)) for path in source.rglob("Kconfig*") if path.is_file()]
    for name in (*_KEPT, *(name for name in kconfig_files if not name.startswith(f"{installed.name}/"))):
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).rename(installed / name)
    for path in installed.iterdir():
        path.rename(directory / path.name)
    shutil.rmtree(source)


def check_settings(configuration: Path, configured: Path) -> None:
    """Raise BuildError unless every setting is in effect: Kconfig drops silently what depends on another."""
    in_effect = set(configured.read_text(encoding="utf-8").splitlines())
    dropped: Sequence[str] = [setting for setting in _settings(configuration) if setting not in in_effect]
    if dropped:
        raise BuildError(f"{configuration}: the kernel's configuration does not take {', '.join(dropped)}")

# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest kernels: Debian's source, configured from fragments, built once and kept in the shared cache.

A cached kernel is a directory with vmlinux, .config, the modules and the tree that external modules build
against, about 65 MB. Nothing in it refers to where it was built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from paradrive.host.user_cache import cache_directory
from paradrive_tools.guest_build.cache import ensure_directory
from paradrive_tools.guest_build.configuration import KernelConfiguration, check_settings
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.freshness import refresh
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.guest_build.seal import check_seal, seal
from paradrive_tools.guest_build.source import source_version, unpack_source
from paradrive_tools.guest_build.tools import CROSS_COMPILE, CROSS_COMPILER, run, run_logged, tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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

#: Lines that Kbuild prints for the default kernel ("  CC      init/main.o"), for the progress bar.
_KBUILD_LINES = 1050

#: Gathers what external modules are built against; Linux 6.1 has none.
_INSTALL_SCRIPT = "scripts/package/install-extmod-build"
#: What takes its place, as scripts/package/builddeb of Linux 6.1 has it (deploy_kernel_headers).
_INSTALLED = (
    *("Makefile", "Module.symvers", "include/**/*", "scripts/**/*"),
    *("arch/powerpc/Makefile*", "arch/powerpc/Kbuild", "arch/powerpc/include/**/*"),
)

#: Kept besides what install-extmod-build gathers; it takes no object files, but each module links this one.
#: The aliases of built-in drivers (modules.builtin.modinfo) and the Kconfig files are what the linter asks.
_KEPT = (
    "vmlinux",
    ".config",
    "arch/powerpc/lib/crtsavres.o",
    "tools/include/nolibc",
    "modules.builtin.modinfo",
)


def ensure_kernel(configuration: KernelConfiguration | str) -> Path:
    """Return the directory of this kernel, building it if need be.

    The name of a CPU stands for its default kernel. Raises BuildError when something that it takes is missing
    or fails, or when the cached kernel has been changed.
    """
    if isinstance(configuration, str):
        configuration = KernelConfiguration(configuration)
    kernel = configuration.directory / "kernel"
    try:
        cache = cache_directory()
    except OSError as error:
        raise BuildError(str(error.strerror)) from None

    def find_or_build() -> None:
        cached = cache / cache_key(configuration)
        log = configuration.directory / "kernel.log"
        ensure_directory(cached, lambda directory: _build(directory, configuration, log))
        # Another process may do the same at once, and whoever looks meanwhile must find a kernel.
        link = kernel.with_name(f".{kernel.name}.{os.getpid()}")
        link.unlink(missing_ok=True)
        link.symlink_to(cached)
        link.replace(kernel)

    if kernel.is_symlink() and kernel.readlink().parent != cache:
        kernel.unlink()
    inputs = (configuration.source.archive, tool(CROSS_COMPILER), *configuration.files())
    refresh(kernel, inputs, find_or_build, recipe=(str(_RECIPE),))
    check_seal(kernel)
    return kernel


def cache_key(configuration: KernelConfiguration) -> str:
    """Return the directory name of this kernel, which says what it depends on."""
    compiler = run([CROSS_COMPILER, "--version"], purpose="the guest kernel").splitlines()[0]
    version = source_version(configuration.source)
    settings = _settings(configuration)
    digest = hashlib.sha256("\0".join((version, settings, compiler, str(_RECIPE))).encode()).hexdigest()
    return f"linux-{version}-{configuration.name}-{digest[:16]}"


def _settings(configuration: KernelConfiguration) -> str:
    return "\n".join(setting.line for setting in configuration.settings())


def _build(directory: Path, configuration: KernelConfiguration, log: Path) -> None:
    """Fill ``directory`` with the kernel: unpack, configure and build beside, keep what is needed."""
    log.write_text("", encoding="utf-8")
    source = directory / "source"
    source.mkdir()
    unpack_source(source, source=configuration.source)

    def kbuild(*arguments: str, on_line: Callable[[str], None] = lambda _: None) -> None:
        run_logged(
            ["make", *KBUILD_ARGUMENTS, *_REPRODUCIBLE, *arguments],
            purpose="the guest kernel",
            directory=source,
            log=log,
            on_line=on_line,
        )

    settings = source / "settings.config"
    settings.write_text(f"{_settings(configuration)}\n", encoding="utf-8")
    kbuild(f"KCONFIG_ALLCONFIG={settings}", "allnoconfig")
    check_settings(configuration.files(), source / ".config")
    with progress(f"building the guest kernel for {configuration.name}", _KBUILD_LINES) as advance:
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        kbuild(jobs, "vmlinux", "modules", on_line=lambda line: advance(line.startswith("  ")))
    modules = [str(path.relative_to(source)) for path in source.rglob("*.ko")]
    kconfig_files = [str(path.relative_to(source)) for path in source.rglob("Kconfig*") if path.is_file()]
    installed = source / "installed"
    if (source / _INSTALL_SCRIPT).exists():
        # The script would build the host's programs anew with the cross compiler, for another machine.
        kbuild("run-command", f"KBUILD_RUN_COMMAND=CC=host HOSTCC=host {_INSTALL_SCRIPT} {installed.name}")
    else:
        _install(source, installed)
    for name in (*_KEPT, *modules, *kconfig_files):
        (installed / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).rename(installed / name)
    for path in installed.iterdir():
        path.rename(directory / path.name)
    shutil.rmtree(source)
    seal(directory)


def _install(source: Path, installed: Path) -> None:
    """Copy to ``installed`` what external modules are built against."""
    for pattern in _INSTALLED:
        for path in source.glob(pattern):
            # The objects are those of the host's programs, which are linked.
            if path.is_file() and path.suffix not in (".o", ".cmd"):
                target = installed / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)

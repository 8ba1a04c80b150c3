# SPDX-License-Identifier: GPL-2.0-or-later
"""What both machines boot for a suite: the same kernel, initramfs and tree, to the byte."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paradrive_dev.bench.boot import write_tree
from paradrive_dev.suites.kselftests import ensure_kselftests, kselftest_entries
from paradrive_tools.guest_build import BuildError, GuestFiles
from paradrive_tools.guest_build.initramfs import Entry, ensure_initramfs, ensure_program, newc_archive
from paradrive_tools.guest_build.kernel import ensure_kernel
from paradrive_tools.guest_build.paths import BUILD, USERLAND_SOURCES
from paradrive_tools.guest_build.source import LINUX_6_12
from paradrive_tools.guest_build.trees import ensure_tree, tree_of

if TYPE_CHECKING:
    from pathlib import Path

    from paradrive_dev.suites.matrix import Suite

#: Where results and guests of suites are.
SUITES_BUILD = BUILD / "suites"
#: A guest that panics ends as one that is done: QEMU would wait for ever.
_ARGUMENTS = ("panic=-1", "act=restart")
#: What runs the kselftests, in the guest.
_RUN_TESTS = "bin/run_tests"


@dataclass(frozen=True)
class SuiteGuest:
    """A suite's guest, ready to boot."""

    suite: Suite
    kernel: Path
    initrd: Path
    dtb: Path

    def digest(self) -> str:
        """Return what tells this guest from any other: the content of its files, and its size."""
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self._files()]
        limits = (self.suite.kernel.cpu, self.suite.memory_mib)
        return hashlib.sha256(repr((contents, limits)).encode()).hexdigest()

    def _files(self) -> tuple[Path, ...]:
        return (self.kernel, self.initrd, self.dtb)


def ensure_suite_guest(suite: Suite) -> SuiteGuest:
    """Return the guest of ``suite``, building what is not fresh; BuildError when that cannot be done."""
    kernel = ensure_kernel(suite.kernel)
    modules = [kernel / name for name in suite.modules]
    for module in modules:
        if not module.is_file():
            raise BuildError(f"the kernel {suite.kernel.name} has no module {module.name}")
    # Linux 6.1 has no nolibc for PowerPC; the programs do not depend on the kernel's version.
    library = kernel if suite.kernel.source == LINUX_6_12 else ensure_kernel(suite.kernel.cpu)
    initrd = ensure_initramfs(suite.kernel.name, library, modules)
    arguments = [*_ARGUMENTS, *suite.arguments]
    if suite.kselftests:
        initrd = _with_kselftests(initrd, suite, library)
        arguments.append(f"run=/{_RUN_TESTS}")
    built = GuestFiles(
        kernel=kernel / "vmlinux",
        initrd=initrd,
        dtb=ensure_tree(tree_of("ppce500", suite.kernel.cpu)),
        modules=tuple(modules),
    )
    tree = write_tree(built, " ".join(arguments), SUITES_BUILD / suite.name / "guest.dtb", suite.memory_mib)
    return SuiteGuest(suite, built.kernel, built.initrd, tree)


def _with_kselftests(initrd: Path, suite: Suite, library: Path) -> Path:
    """Return the initramfs with the kselftests, and with what runs them; ``library`` has the nolibc."""
    runner = ensure_program(suite.kernel.name, library, USERLAND_SOURCES / "run_tests.c")
    entries = [
        Entry(_RUN_TESTS, stat.S_IFREG | 0o755, runner.read_bytes()),
        *kselftest_entries(ensure_kselftests(suite.kernel.source, suite.kselftests)),
    ]
    archive = SUITES_BUILD / suite.name / "initramfs.cpio"
    archive.parent.mkdir(parents=True, exist_ok=True)
    # The kernel unpacks archives that stand one behind the other.
    archive.write_bytes(initrd.read_bytes() + newc_archive(entries))
    return archive

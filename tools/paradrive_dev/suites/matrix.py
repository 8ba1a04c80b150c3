# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix: each suite is a kernel, what its guest loads and runs, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass

from paradrive_dev.suites.kselftests import Kselftest, kselftests
from paradrive_tools.guest_build.configuration import KernelConfiguration
from paradrive_tools.guest_build.source import LINUX_6_1, LINUX_6_12, Source

#: KUnit runs its suites only if it is told to: allnoconfig leaves KUNIT_DEFAULT_ENABLED out.
_KUNIT = ("kunit.enable=1",)
#: Modules of the kernel whose initialisation is a test.
_TEST_MODULES = ("lib/test_bpf.ko", "lib/test_bitops.ko")


@dataclass(frozen=True)
class Suite:
    """One guest whose boot runs tests."""

    name: str
    kernel: KernelConfiguration
    memory_mib: int = 256
    #: Modules to load, by their paths in the kernel's tree, in this order.
    modules: tuple[str, ...] = ()
    #: The kselftests that the guest runs.
    kselftests: tuple[Kselftest, ...] = ()
    #: Words of the kernel's command line besides those that every suite has.
    arguments: tuple[str, ...] = ()
    #: How many instructions the guest may execute.
    max_instructions: int = 200_000_000_000
    #: How long (s) either emulator may take.
    time_limit: float = 3600


def _kunit(cpu: str, *fragments: str, source: Source = LINUX_6_12) -> KernelConfiguration:
    return KernelConfiguration(cpu, ("suites/kunit", *fragments), source)


#: A sample that takes seconds, on a kernel that there is anyway: what ``make test`` runs.
_SAMPLE = (
    "exec/null-argv",
    "powerpc/ptrace/ptrace-syscall",
    "powerpc/signal/sigreturn_unaligned",
    "proc/proc-self-syscall",
    "ptrace/get_syscall_info",
    "sigaltstack/sas",
)

SUITES = (
    Suite(
        "sample",
        KernelConfiguration("e500mc"),
        memory_mib=128,
        kselftests=tuple(program for program in kselftests() if program.name in _SAMPLE),
        max_instructions=20_000_000_000,
        time_limit=300,
    ),
    Suite("kunit-e500v2", _kunit("e500v2"), modules=_TEST_MODULES, arguments=_KUNIT),
    Suite("kunit-e500mc", _kunit("e500mc"), modules=_TEST_MODULES, arguments=_KUNIT),
    Suite(
        "kselftests-e500mc",
        KernelConfiguration("e500mc", ("suites/kselftests",)),
        memory_mib=512,
        kselftests=tuple(kselftests()),
    ),
    # The kernel's own ways to tick, to be preempted and to map RAM.
    Suite(
        "preempt-e500v2",
        _kunit("e500v2", "suites/preempt", "suites/highmem", "suites/hz-1000"),
        memory_mib=1024,
        modules=_TEST_MODULES,
        arguments=_KUNIT,
    ),
    Suite(
        "preempt-e500mc",
        _kunit("e500mc", "suites/preempt", "suites/highmem", "suites/hz-250"),
        memory_mib=1024,
        modules=_TEST_MODULES,
        arguments=_KUNIT,
    ),
    Suite("hz-300-e500v2", _kunit("e500v2", "suites/hz-300"), modules=_TEST_MODULES, arguments=_KUNIT),
    Suite("linux-6.1-e500v2", _kunit("e500v2", source=LINUX_6_1), modules=_TEST_MODULES, arguments=_KUNIT),
    Suite("linux-6.1-e500mc", _kunit("e500mc", source=LINUX_6_1), modules=_TEST_MODULES, arguments=_KUNIT),
    # What takes long to build and to run.
    Suite(
        "everything-e500v2",
        _kunit("e500v2", "suites/kunit-all"),
        memory_mib=512,
        modules=_TEST_MODULES,
        arguments=_KUNIT,
    ),
    Suite(
        "everything-e500mc",
        _kunit("e500mc", "suites/kunit-all"),
        memory_mib=512,
        modules=_TEST_MODULES,
        arguments=_KUNIT,
    ),
    Suite("debug-e500v2", KernelConfiguration("e500v2", ("debug", "suites/debug-selftests")), memory_mib=512),
    Suite("debug-e500mc", KernelConfiguration("e500mc", ("debug", "suites/debug-selftests")), memory_mib=512),
)

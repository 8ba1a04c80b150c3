# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about a kernel's configuration: does it boot on the machine, and can it have the driver?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive_tools.lint.subject import Subject

#: The option that brings the kernel's support of a board (arch/powerpc/platforms/85xx/Kconfig).
_BOARD_OPTIONS = {"ppce500": "PPC_QEMU_E500", "mpc8544ds": "MPC85xx_DS"}


@rule(
    "configuration-of-other-machine",
    Severity.ERROR,
    hint="Configure with make ARCH=powerpc, and pass the .config that this makes.",
)
def configuration_of_other_machine(subject: Subject) -> Iterator[Problem]:
    """The .config is that of another architecture, or of a kernel that does not know the board.

    A .config says in its first lines for which architecture it was made; all others than powerpc are about
    other options. And a powerpc kernel boots on those boards only that it was configured for: without the
    option of the board, no machine description matches the root's ``compatible`` and the kernel stops before
    its console speaks (probe_machine() in arch/powerpc/kernel/setup-common.c).
    """
    configuration = subject.configuration
    if configuration is None:
        return
    if not configuration.is_for_guest:
        message = f"is a configuration for {configuration.architecture}, not for powerpc"
        yield Problem(None, message, location=configuration.location)
        return
    option = _BOARD_OPTIONS[subject.board.name]
    if not configuration.is_enabled(option):
        message = f"{option} is n, so the kernel does not boot on {subject.board.name}"
        yield Problem(None, message, location=configuration.locate(option))


@rule(
    "configuration-unmet-dependency",
    Severity.ERROR,
    hint="Set the option that is named last, then run make olddefconfig.",
)
def configuration_unmet_dependency(subject: Subject) -> Iterator[Problem]:
    """The driver cannot be enabled under this configuration: a dependency is not met.

    Kconfig offers an option while all that it ``depends on`` is y or m, and so is each ``if`` and menu
    around it. Otherwise the option is n, and a line that sets it is dropped without a word by the next
    make. What is read here are all Kconfig files of the guest's kernel, with guest-driver/Kconfig among
    them where the patches put it; the .config is evaluated as make olddefconfig does it. The message follows
    the dependencies down to one that can be set, by file and line.
    """
    configuration = subject.configuration
    if configuration is None or not configuration.is_for_guest:
        return
    for unmet in configuration.unmet:
        message = f"{configuration.driver_option} cannot be set: {unmet.reason}"
        yield Problem(None, message, location=configuration.locate(unmet.option))


@rule(
    "configuration-without-driver",
    Severity.WARNING,
    hint="Set the driver's option to y or m, or give the module that is to be loaded with --module.",
)
def configuration_without_driver(subject: Subject) -> Iterator[Problem]:
    """The kernel has no driver for the device, although its configuration could have it.

    Nothing is wrong with the dependencies, but the driver's option is not set, and no module was given that
    had been built by itself. The device is then populated and stays without a driver.
    """
    configuration = subject.configuration
    if configuration is None or subject.module is not None or configuration.unmet:
        return
    option = configuration.driver_option
    if subject.pvctl_nodes and not configuration.is_enabled(option):
        message = f"{option} is not set, and no module is given: nothing drives the tree's pvctl"
        yield Problem(None, message, location=configuration.locate(option))


@rule(
    "configuration-without-modules",
    Severity.ERROR,
    hint="Set CONFIG_MODULES=y, or build the driver into the kernel.",
)
def configuration_without_modules(subject: Subject) -> Iterator[Problem]:
    """A module is given, but the kernel loads none.

    With MODULES=n there are no system calls to load a module, and every tristate option is y or n: the
    driver has to be built in.
    """
    configuration = subject.configuration
    if configuration is None or subject.module is None or configuration.is_enabled("MODULES"):
        return
    message = f"MODULES is n, so the kernel does not load {subject.module.location.file}"
    yield Problem(None, message, location=configuration.locate("MODULES"))

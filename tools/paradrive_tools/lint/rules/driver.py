# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about a driver's module: does the kernel load it, and does it get a device of the tree?"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive_tools.lint.driver.kernel import Export
    from paradrive_tools.lint.driver.module import Module
    from paradrive_tools.lint.subject import Subject

#: More of them say nothing new.
_MAX_UNRESOLVED, _MAX_COMPATIBLE = 20, 20


@rule(
    "module-wrong-machine",
    Severity.ERROR,
    hint="Build it with ARCH=powerpc CROSS_COMPILE=powerpc-linux-gnu- against the guest's kernel.",
)
def module_wrong_machine(subject: Subject) -> Iterator[Problem]:
    """The module was compiled for another machine than the e500.

    The e500 is a 32-bit big-endian PowerPC. The kernel looks at the ELF header of a module before anything
    else (elf_validity_check() in kernel/module/main.c) and refuses one of another machine, word size or byte
    order with ENOEXEC. It happens when the module is built without ARCH and CROSS_COMPILE, for the machine
    on which it is compiled.
    """
    module = subject.module
    if module is not None and not module.is_for_guest:
        message = f"is compiled for a {module.machine} machine, not for the e500"
        yield Problem(None, message, location=module.location)


@rule(
    "module-wrong-vermagic",
    Severity.ERROR,
    hint="Build the module against the tree and the .config of the kernel that loads it.",
)
def module_wrong_vermagic(subject: Subject) -> Iterator[Problem]:
    """The module was compiled for another kernel than the one that is to load it.

    Each module carries the release of the kernel it was compiled for and the settings that change the layout
    of the kernel's structures: SMP, preempt, mod_unload, modversions (include/linux/vermagic.h). The kernel
    compares this with its own and refuses the module with ENOEXEC, "version magic ... should be ...". Where
    the kernel has MODVERSIONS and the module checksums of symbols, the release may differ and the checksums
    are compared instead (same_magic() in kernel/module/version.c). The kernel is that of --config where one
    is given, otherwise the guest's.
    """
    module = subject.module
    if module is None:
        return
    if subject.configuration is not None:
        wanted = [subject.configuration.release, *subject.configuration.vermagic_words]
        whose = f"the kernel of {subject.configuration.location.file}"
    elif subject.kernel is not None:
        wanted, whose = subject.kernel.vermagic.split(), "the kernel"
    else:
        return
    given = module.vermagic.split()
    # The release is the first word. A .config may not tell it, and the kernel may not ask for it.
    if wanted[:1] == [""] or (module.versions and "modversions" in wanted):
        given, wanted = given[1:], wanted[1:]
    if given != wanted:
        message = f"has the version magic {module.vermagic.strip()!r}, but {whose} has {' '.join(wanted)!r}"
        yield Problem(None, message, location=module.location)


@rule(
    "module-unresolved-symbol",
    Severity.ERROR,
    hint="Use what Module.symvers of the kernel lists, or enable the option that brings the symbol.",
)
def module_unresolved_symbol(subject: Subject) -> Iterator[Problem]:
    """The module needs a symbol that the kernel does not give it.

    A module is linked when it is loaded. Each symbol that it does not define has to be exported by the kernel
    or by a module that is loaded already: the build lists all of them in Module.symvers. What is exported
    with EXPORT_SYMBOL_GPL is only for modules with a license compatible with the GPL; what is in a namespace
    only for those that import it; and with MODVERSIONS, the checksum of the symbol's type must be the same.
    Otherwise loading fails with "Unknown symbol" (resolve_symbol() in kernel/module/main.c).
    """
    module, kernel = subject.module, subject.kernel
    if module is None or kernel is None:
        return
    reasons = (_why_unresolved(module, name, kernel.exports.get(name)) for name in module.undefined)
    problems = [reason for reason in reasons if reason]
    for reason in problems[:_MAX_UNRESOLVED]:
        yield Problem(None, reason, location=module.location)
    if len(problems) > _MAX_UNRESOLVED:
        message = f"needs {len(problems) - _MAX_UNRESOLVED} more symbols that the kernel does not give it"
        yield Problem(None, message, location=module.location)


def _why_unresolved(module: Module, name: str, export: Export | None) -> str:
    """Return why the kernel does not give the module this symbol, "" if it does."""
    if export is None:
        return f"needs the symbol {name}, which neither the kernel nor one of its modules exports"
    if export.is_gpl_only and not module.may_use_gpl_only:
        return f"needs {name}, which is exported for the GPL only; its license is {module.license!r}"
    if export.namespace and export.namespace not in module.imported_namespaces:
        return f"needs {name} from the namespace {export.namespace}, which it does not import"
    if export.checksum and module.versions.get(name, export.checksum) != export.checksum:
        return f"was compiled with another type of {name} than the kernel has"
    return ""


@rule(
    "module-matches-no-node",
    Severity.ERROR,
    hint="Give the device's node the driver's compatible string, or add the node's string to the driver.",
)
def module_matches_no_node(subject: Subject) -> Iterator[Problem]:
    """No node of the tree is for the driver, so it loads and binds nothing.

    The kernel offers a platform device to a driver when an entry of the driver's of_match_table has one of
    the strings in the node's ``compatible`` (of_match_node() in drivers/of/base.c; upper and lower case are
    the same to it). The usual reason for finding none is a misspelt string, or a tree of a machine that
    does not have the device.
    """
    module = subject.module
    if module is None:
        return
    nodes = list(subject.tree.root.walk())
    if any(module.takes(node) for node in nodes):
        return
    wanted = module.compatible[:_MAX_COMPATIBLE]
    names = " or ".join(map(repr, wanted)) or "no node at all"
    message = f"is for {names}, which no node of {subject.name} is"
    for node in nodes:
        for name in node.strings("compatible"):
            if get_close_matches(name, wanted, n=1, cutoff=0.8):
                reason = f"is {name!r}, but the driver in {module.location.file} {message}"
                yield Problem(node, reason, "compatible")
                return
    yield Problem(None, message, location=module.location)


@rule(
    "module-not-loaded-by-itself",
    Severity.WARNING,
    hint="Add MODULE_DEVICE_TABLE(of, ...) for the driver's table, and write compatible as it does.",
)
def module_not_loaded_by_itself(subject: Subject) -> Iterator[Problem]:
    """The driver is for a node, but userland does not find the module for it.

    When the kernel announces a device, udev loads the modules one of whose aliases matches the MODALIAS of
    the device: "of:N" name "T" type "C" compatible ... . The aliases come from MODULE_DEVICE_TABLE(of, ...);
    without it there are none. And while the kernel compares ``compatible`` without regard to case, aliases
    are compared to the letter. The driver then binds only where something loads the module by its name.
    """
    module = subject.module
    if module is None:
        return
    for node in subject.tree.root.walk():
        if module.takes(node) and not module.is_loaded_for(node):
            reason = "none of its aliases matches" if module.aliases else "it has no aliases"
            message = f"{module.location.file} has a driver for it, but is not loaded by itself: {reason}"
            yield Problem(node, message, "compatible")


@rule(
    "other-driver-first",
    Severity.ERROR,
    hint="Leave out of compatible what the other driver is for, unless the device really is one, too.",
)
def other_driver_first(subject: Subject) -> Iterator[Problem]:
    """A driver within the kernel is for the same node, and is asked first.

    To the kernel the order of the strings in ``compatible`` counts only among the entries of one driver. Of
    several drivers that match a device, the one that is there first probes it, however general its string:
    a built-in driver always comes before a module. The device is bound to it, unless its probe fails, and
    the module is loaded in vain (driver_probe_device() in drivers/base/dd.c).
    """
    module, kernel = subject.module, subject.kernel
    if module is None or kernel is None:
        return
    for node in subject.tree.root.walk():
        if not module.takes(node):
            continue
        for driver in kernel.drivers:
            if driver.takes(node):
                message = (
                    f"the kernel's own driver {driver.name} is for it, too, and is asked before a module"
                )
                yield Problem(node, message, "compatible")

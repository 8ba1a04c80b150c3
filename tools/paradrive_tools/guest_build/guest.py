# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that one machine boots, made from the checkout as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paradrive_tools.guest_build.cache import locked
from paradrive_tools.guest_build.configuration import KernelConfiguration
from paradrive_tools.guest_build.driver import PVCTL, Driver, ensure_module
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.initramfs import ensure_initramfs
from paradrive_tools.guest_build.kernel import ensure_kernel
from paradrive_tools.guest_build.paths import BUILD
from paradrive_tools.guest_build.trees import ensure_tree, tree_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Their kernels do not run on one another.
CPUS = ("e500v2", "e500mc")


@dataclass(frozen=True)
class GuestFiles:
    """What a machine boots: kernel (ELF), initial RAM disk (cpio), flattened device tree; and its modules.

    The modules, pvctl's first, have debugging information, which those in the RAM disk lack.
    """

    kernel: Path
    initrd: Path
    dtb: Path
    modules: tuple[Path, ...]


def ensure_guest(
    cpu: str = "e500v2",
    *,
    machine: str = "ppce500",
    drivers: Sequence[Driver] = (),
    fragments: Sequence[str] = (),
) -> GuestFiles:
    """Return the guest for ``cpu``, building what is not fresh; it loads pvctl, and then ``drivers``.

    The device tree is that of ``machine``, the kernel the CPU's with these ``fragments`` of configuration
    besides ("full": see ``KernelConfiguration``). Raises BuildError when a tool is missing or fails.
    Processes that call it at once take turns.
    """
    if cpu not in CPUS:
        raise BuildError(f"there is no guest for the CPU {cpu}: choose {' or '.join(CPUS)}")
    tree = tree_of(machine, cpu)
    names = [driver.module for driver in (PVCTL, *drivers)]
    if len(set(names)) < len(names):
        raise BuildError(f"two drivers make the same module: {', '.join(names)}")
    configuration = KernelConfiguration(cpu, tuple(fragments))
    name = configuration.name
    with locked(BUILD / f".{name}.lock", f"the guest for {name}"):
        kernel = ensure_kernel(configuration)
        modules = [ensure_module(name, kernel, driver) for driver in (PVCTL, *drivers)]
        return GuestFiles(
            kernel=kernel / "vmlinux",
            initrd=ensure_initramfs(name, kernel, [module.stripped for module in modules]),
            dtb=ensure_tree(tree),
            modules=tuple(module.file for module in modules),
        )

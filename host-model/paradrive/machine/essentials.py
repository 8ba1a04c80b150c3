# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine has whatever its tree says: RAM and a CPU.

Both are the hypervisor's decision, as in QEMU. A tree that is wrong about them misleads the kernel, but the
machine is built and the kernel started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devices.ram import Ram
from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.linux_address import Region
from paradrive.devicetree.memory import memory_regions, set_memory_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.models import CpuModel
    from paradrive.devices.bus import Bus
    from paradrive.devicetree.node import DeviceTree

#: RAM at 0 where the tree describes none there, in bytes.
DEFAULT_MEMORY_SIZE = 64 << 20
#: QEMU's, in Hz.
DEFAULT_TIMEBASE_FREQUENCY = 400_000_000


def create_memory(
    tree: DeviceTree, memory_size: int | None, bus: Bus, warn: Callable[[str], None]
) -> list[Ram]:
    """Map the RAM which the tree describes, or ``memory_size`` bytes, which the tree then describes.

    A kernel starts at 0: where no block of the tree does, its blocks are not mapped but
    ``DEFAULT_MEMORY_SIZE`` bytes at 0. Raises DeviceTreeError when the host cannot reserve ``memory_size``.
    """
    try:
        if memory_size is not None:
            set_memory_size(tree, memory_size)
        regions = memory_regions(tree)
        if regions[0].address != 0:
            raise tree.error(f"its RAM begins at {regions[0].address:#x}")
        first = Ram(*regions[0])
    except (DeviceTreeError, ValueError) as error:
        regions = [Region(0, memory_size or DEFAULT_MEMORY_SIZE)]
        try:
            first = Ram(*regions[0])
        except ValueError:
            raise tree.error(str(error)) from None
        reason = error.reason if isinstance(error, DeviceTreeError) else error
        warn(f"{reason}; the machine has {first.size >> 20} MiB of RAM at 0")
    bus.map_memory(first)
    return [first, *_map_further(regions[1:], bus, warn)]


def _map_further(regions: list[Region], bus: Bus, warn: Callable[[str], None]) -> list[Ram]:
    memories = []
    for region in regions:
        try:
            memory = Ram(*region)
            bus.map_memory(memory)
        except ValueError as error:
            warn(f"{error}; nothing answers there")
        else:
            memories.append(memory)
    return memories


def timebase_frequency(tree: DeviceTree, model: CpuModel, warn: Callable[[str], None]) -> int:
    """Return the frequency of the boot CPU's time base in Hz; warn of what the CPU nodes are wrong about."""
    nodes = tree.cpu_nodes()
    if not nodes:
        warn(f"{tree.source}: no CPU node; the machine has an {model.name} with a time base of 400 MHz")
        return DEFAULT_TIMEBASE_FREQUENCY
    for node in nodes[1:]:
        warn(f"{node.path}: only the boot CPU is modelled; this one never starts")
    boot_cpu = nodes[0]
    for size in boot_cpu.cells("d-cache-line-size")[:1]:
        if size != model.cache_line_size:
            differs = f"an {model.name} has {model.cache_line_size}"
            warn(f"{boot_cpu.path}: says that a cache line has {size} bytes, but {differs}")
    frequency = next(iter(boot_cpu.cells("timebase-frequency")), 0)
    if frequency == 0:
        warn(f"{boot_cpu.path}: has no timebase-frequency; it is {DEFAULT_TIMEBASE_FREQUENCY} Hz")
    return frequency or DEFAULT_TIMEBASE_FREQUENCY

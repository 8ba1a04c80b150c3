# SPDX-License-Identifier: GPL-2.0-or-later
"""Which interrupt Linux maps for a node, or the error that its driver gets.

Source: Linux 6.12, kernel/irq/irqdomain.c, arch/powerpc/sysdev/mpic.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.linux_address import resources
from paradrive.devicetree.linux_interrupts import NoInterrupt, find_interrupt
from paradrive.devicetree.node import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.devicetree.node import DeviceTree, Node

#: mpic_alloc() is told 256 sources, whatever the tree or the hardware say.
_MPIC_SOURCES = 256
#: The vectors of error interrupts and of timers, which are mapped without a look at the number of sources.
_ERROR_VECTORS = range(2003, 2035)
_TIMER_VECTORS = range(2035, 2043)
#: The third cell of a specifier of four (Documentation/devicetree/bindings/powerpc/fsl/mpic.txt).
_PLAIN, _ERROR, _TIMER = 0, 1, 3
_EXTENDED_CELLS = 4
_MPIC = (Match(device_type="open-pic"), Match(compatible="open-pic"))
HIGH_LEVEL = "high level"
_SENSES = ("rising edge", "low level", HIGH_LEVEL, "falling edge")
#: fsl_mpic_err.c maps and handles the source of errors, without a sense: it is as mpic_init() leaves it.
_ERROR_SOURCE, _ERROR_SENSE = 16, _SENSES[3]


class Interrupt(NamedTuple):
    """An interrupt that Linux can map: the controller's input, and its sense, "" if the tree says none."""

    controller: Node
    source: int
    sense: str


class Mappings:
    """The interrupts that Linux has mapped, in the order in which devices ask for them."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        #: The senses of the sources that have been mapped already.
        self._senses: dict[int, str] = {}
        if interrupts.error_source is not None:
            self._senses[interrupts.error_source] = _ERROR_SENSE

    def map(self, node: Node) -> Interrupt | NoInterrupt:
        """Map a node's first interrupt (platform_get_irq_optional, irq_create_fwspec_mapping)."""
        found = self._interrupts.first(node)
        if isinstance(found, NoInterrupt):
            return found
        before = self._senses.get(found.source)
        if before and found.sense and before != found.sense:
            return NoInterrupt(f"source {found.source} is mapped as {before} already, not as {found.sense}")
        self._senses[found.source] = found.sense or before or ""
        return found


class Interrupts:
    """The interrupts of one tree. The methods raise EndlessSearch where the kernel would never return."""

    def __init__(self, tree: DeviceTree) -> None:
        self.mpic = next((node for node in tree.root.walk() if node.matches(_MPIC)), None)
        is_freescale = self.mpic is not None and self.mpic.is_compatible(("fsl,mpic",))
        #: The source that Linux itself handles, at Freescale's MPIC, None at another.
        self.error_source = _ERROR_SOURCE if is_freescale else None

    def first(self, node: Node) -> Interrupt | NoInterrupt:
        """Return what Linux maps for the first interrupt of a node, the first to ask for it (of_irq_get)."""
        specifier = find_interrupt(node)
        if isinstance(specifier, NoInterrupt):
            return specifier
        controller, cells = specifier
        if controller is not self.mpic or not resources(controller):
            return NoInterrupt(f"its interrupt parent {controller.path} has no driver", deferred=True)
        source = self.source(cells)
        if source is None:
            return NoInterrupt(f"the MPIC has no source <{' '.join(map(str, cells))}>")
        return Interrupt(controller, source, _SENSES[cells[1] & 3] if len(cells) > 1 else "")

    def source(self, cells: Sequence[int]) -> int | None:
        """Return the input of the MPIC that a specifier means, None where it has no such input.

        See mpic_host_xlate and mpic_host_map.
        """
        number, *_ = cells or (-1,)
        kind = _PLAIN
        if len(cells) >= _EXTENDED_CELLS and self.error_source is not None:
            kind = cells[2]
        if kind == _ERROR:
            return _ERROR_VECTORS[cells[3]] if cells[3] < len(_ERROR_VECTORS) else None
        if kind == _TIMER:
            return _TIMER_VECTORS[number] if number < len(_TIMER_VECTORS) else None
        exists = 0 <= number < _MPIC_SOURCES or number in _ERROR_VECTORS or number in _TIMER_VECTORS
        return number if kind == _PLAIN and exists else None

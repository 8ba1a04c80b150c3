# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bindings say of a tree: those that come with dtschema, and the project's own in dts/bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.finding import Finding, Severity
from paradrive_tools.lint.schema.process import schema_process
from paradrive_tools.lint.schema.protocol import UNDOCUMENTED, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive_tools.lint.subject import Subject

RULE = "schema"
UNDOCUMENTED_RULE = "schema-undocumented"
#: The bus that QEMU puts its devices on bears QEMU's name, which simple-bus.yaml does not like.
_QEMU_BUS, _QEMU_BUS_NAME_SCHEMA = "qemu,platform", "http://devicetree.org/schemas/simple-bus.yaml"


def submit(subject: Subject) -> Callable[[], list[Finding]]:
    """Have the bindings asked about a tree; what is returned waits for the answer."""
    if any(finding.severity is Severity.ERROR for finding in subject.compiler_findings or ()):
        # dtc has left values undone, such as paths for labels, of which the bindings would complain in turn.
        return list
    unreadable = why_unreadable(subject.tree)
    if unreadable is not None:
        return lambda: _findings([unreadable], subject)
    schema_process().submit(subject.blob)
    return lambda: _findings(schema_process().violations(), subject)


def _findings(violations: list[Violation], subject: Subject) -> list[Finding]:
    """Return violations as findings."""
    return [
        Finding(
            UNDOCUMENTED_RULE if violation.schema == UNDOCUMENTED else RULE,
            Severity.WARNING if violation.schema == UNDOCUMENTED else Severity.ERROR,
            f"{violation.property}: {violation.message}" if violation.property else violation.message,
            subject.source_map.locate(violation.node, violation.property),
            violation.node,
            f"See {violation.schema}" if violation.schema.startswith("http") else "",
        )
        for violation in violations
        if not _is_name_of_qemu(violation, subject.tree)
    ]


def _is_name_of_qemu(violation: Violation, tree: DeviceTree) -> bool:
    if (violation.schema, violation.property) != (_QEMU_BUS_NAME_SCHEMA, "$nodename"):
        return False
    node = tree.find(violation.node)
    return node is not None and _QEMU_BUS.encode() in node.properties.get("compatible", b"").split(b"\0")


def why_unreadable(tree: DeviceTree) -> Violation | None:
    """Return what dtschema (dtb.py, fixup_interrupts and fixup_addresses) would take for an endless list.

    It divides a property into groups of as many cells as another says; where those are none, it never ends.
    """
    return _unreadable(tree, tree.root, address_size_cells=(2, 1), interrupt_cells=1)


def _unreadable(
    tree: DeviceTree, node: Node, *, address_size_cells: tuple[int, int], interrupt_cells: int
) -> Violation | None:
    address_cells, size_cells = address_size_cells
    interrupt_parent = node.properties.get("interrupt-parent")
    if interrupt_parent:
        controller = tree.by_phandle(int.from_bytes(interrupt_parent[:4], "big"))
        interrupt_cells = _cells(controller, "#interrupt-cells", 0) if controller else interrupt_cells
    if node.properties.get("interrupts") and not interrupt_cells:
        return Violation(node.path, "interrupts", "an interrupt of this controller has no cells", "")
    if node.properties.get("reg") and not address_cells + size_cells:
        return Violation(node.path, "reg", "an address and a size on this bus have no cells", "")
    own_address_cells, own_size_cells = _cells(node, "#address-cells", 0), _cells(node, "#size-cells", 0)
    for name in ("ranges", "dma-ranges"):
        if node.properties.get(name) and not address_cells + own_address_cells + own_size_cells:
            return Violation(node.path, name, "neither the bus nor its parent has addresses", "")
    for child in node.children:
        unreadable = _unreadable(
            tree,
            child,
            address_size_cells=(
                _cells(node, "#address-cells", address_cells),
                _cells(node, "#size-cells", size_cells),
            ),
            interrupt_cells=_cells(node, "#interrupt-cells", interrupt_cells),
        )
        if unreadable:
            return unreadable
    return None


def _cells(node: Node, name: str, default: int) -> int:
    return int.from_bytes(node.properties[name], "big") if name in node.properties else default

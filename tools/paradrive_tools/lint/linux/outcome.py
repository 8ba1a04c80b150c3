# SPDX-License-Identifier: GPL-2.0-or-later
"""The words for what becomes of a node, predicted or observed."""

from __future__ import annotations

#: The driver that is asked about has bound to the node's device.
BOUND = "bound"
#: The driver would match the node's device, but another one has bound to it before.
OTHER_DRIVER = "other driver"
#: The kernel has made a device of the node, and the driver is not for it.
POPULATED = "populated"
#: The kernel has not made a device of the node.
NOT_POPULATED = "not populated"


def probe_fails(name: str) -> str:
    """Return the words for a probe that returns this errno ("EBUSY")."""
    return f"probe fails with -{name}"

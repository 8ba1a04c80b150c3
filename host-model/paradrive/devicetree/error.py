# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a device tree."""

from __future__ import annotations

from paradrive.host.inputs import InputError


class DeviceTreeError(InputError):
    """A device tree is damaged, or describes something no machine can be built from."""

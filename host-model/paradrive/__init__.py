# SPDX-License-Identifier: GPL-2.0-or-later
"""paradrive: a paravirtual device, the e500 machine around it, and tests of its Linux driver.

The layers, each importing only from those before it: isa, cpu, devices, machine, guest, testing.
"""

__version__ = "0.1.0"

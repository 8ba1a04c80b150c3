# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines: memory map and interrupt wiring from the device tree, ePAPR boot, the run loop."""

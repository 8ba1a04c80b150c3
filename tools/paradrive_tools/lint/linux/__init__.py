# SPDX-License-Identifier: GPL-2.0-or-later
"""What Linux 6.12 makes of a device tree: drivers/of, drivers/base, kernel/resource.c, as they are.

Where Linux is more lenient than the Devicetree specification, or stricter, these modules follow Linux:
they predict what a kernel does. Whether it ought to is the business of the rules.
"""

# SPDX-License-Identifier: GPL-2.0-or-later
"""Models of the devices around the core: one file each, over a declarative register map.

``device`` is what every device is, ``registers`` how one declares its registers, ``interrupt`` the
wires between devices, ``bus`` and ``ram`` the physical address map. The rest are the devices themselves.
"""

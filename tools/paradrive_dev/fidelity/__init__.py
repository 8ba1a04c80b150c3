# SPDX-License-Identifier: GPL-2.0-or-later
"""A comparison of every user-mode instruction of the model with QEMU's user mode emulation.

`generator` makes cases from the instructions' declarations, `program` puts them into an executable, `peer`
runs that on QEMU and `model` on both engines, and `comparison` says what differs. `forms` says what is
left out and why, `differences` where QEMU and the manuals disagree.
"""

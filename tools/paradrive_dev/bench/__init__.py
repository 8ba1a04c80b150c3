# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements against QEMU, and of the linter against dt-validate and dtc.

``figures`` says what is measured and how fast it must be; ``boot``, ``compute``, ``mmio``, ``virtio``,
``engine``, ``snapshot``, ``restart`` and ``lint`` measure.
"""

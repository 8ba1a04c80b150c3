# SPDX-License-Identifier: GPL-2.0-or-later
"""The e500 core: state, MMU, interrupts, timers, the reference engine and the compiled engine.

`vcpu.py` is the door: a `Vcpu` executes instructions until something ends its run.
"""

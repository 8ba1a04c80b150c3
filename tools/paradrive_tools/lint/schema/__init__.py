# SPDX-License-Identifier: GPL-2.0-or-later
"""The bindings' verdict: what dtschema says of a tree, in a process of its own."""

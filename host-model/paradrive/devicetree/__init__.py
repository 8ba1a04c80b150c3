# SPDX-License-Identifier: GPL-2.0-or-later
"""Device trees: flattened, as nodes with properties, and what Linux finds in them and where."""

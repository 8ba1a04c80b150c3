# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of drivers: the pytest plugin that boots a guest for each test. See `plugin.py`."""

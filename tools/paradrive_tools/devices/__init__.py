# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive devices``: documentation of device classes."""

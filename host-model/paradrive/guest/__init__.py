# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host says to a guest and hears from it: console, kernel symbols."""

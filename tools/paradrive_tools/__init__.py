# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``paradrive`` command and what it needs: the guest's builder, checks and the benchmark."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``paradrive`` command and what it needs: the run, the linter, the guest's builder."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""What we ask of the operating system: files in and out, child processes, text for a terminal."""

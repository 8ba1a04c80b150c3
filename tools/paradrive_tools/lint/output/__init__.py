# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``paradrive lint`` says: reports, the formats that they are written in, the page of each rule."""

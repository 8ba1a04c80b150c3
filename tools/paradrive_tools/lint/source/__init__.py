# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees that are to be linted, as they are read: sources by the preprocessor and dtc, blobs as they are."""

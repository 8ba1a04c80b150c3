# SPDX-License-Identifier: GPL-2.0-or-later
"""Where paradrive keeps what takes long to make: the engine's code, and the kernels that tools build."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def cache_directory() -> Path:
    """Return the directory outside any checkout which clones share; it need not exist.

    Source: XDG Base Directory Specification 0.8, XDG_CACHE_HOME: a path that is not absolute counts as none.
    OSError where the user has no home directory either.
    """
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else _home() / ".cache"
    return base / "paradrive"


def _home() -> Path:
    home = os.environ.get("HOME", "")
    if home.startswith("/"):
        return Path(home)
    import pwd  # seldom needed

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        reason = "no directory for the cache: the user has no home, and XDG_CACHE_HOME names none"
        raise OSError(errno.ENOENT, reason) from None

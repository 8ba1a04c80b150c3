# SPDX-License-Identifier: GPL-2.0-or-later
"""What the help of ``paradrive run`` promises and a run keeps: exit statuses, keys, limits."""

from __future__ import annotations

EXIT_ENDED = 0
EXIT_RESET_LIMIT = 3
EXIT_PANICKED = 4
EXIT_NO_PROGRESS = 5
#: The guest's own exit codes from 1 are told as 64 + code, the last status standing for all larger ones.
EXIT_GUEST_CODE = 64
EXIT_GUEST_CODE_LAST = 127

DEFAULT_RESET_LIMIT = 8

#: What Ctrl-a h tells; only where standard input is a terminal.
KEYS = """\
keys of the host, on a terminal:
  Ctrl-a h       this list
  Ctrl-a x       end the run
  Ctrl-a r       reset the machine
  Ctrl-a b       send a break (sysrq)
  Ctrl-a Ctrl-a  send Ctrl-a to the guest
"""

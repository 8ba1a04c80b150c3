# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of what takes long: a bar on a terminal, one line at the start and the end elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show ``title`` while the block runs; the function it yields advances by so many of ``total``."""
    if not sys.stderr.isatty():
        print(f"paradrive: {title} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        yield lambda _: None
        print(f"paradrive: {title}: done in {time.monotonic() - started:.0f} s", file=sys.stderr)
        return

    # Imported here because a run that has nothing to build must not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("paradrive: {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
        bar.update(task, completed=total)

# SPDX-License-Identifier: GPL-2.0-or-later
"""Child processes: bounded from their first instruction, and gone with all of their own when they have to go.

A small launcher, started by ``setpriv`` (util-linux), sets the limits and then starts the command; it leads a
process group which the command and all that it starts belong to, the compiler behind ``cpp`` for example.
The kernel tells the launcher when its parent dies (PR_SET_PDEATHSIG), and it ends the group. Limits that are
set from outside come too late, and code between fork and exec is not safe in a process with threads.

Source: Linux man-pages, setrlimit(2), prctl(2), setpgid(2), kill(2).
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Seconds. What dtc compiles in a fiftieth of one is a large board already.
TIME_LIMIT = 10.0
#: Seconds that a process has to tidy up when it is asked to end, where it is asked.
GRACE = 5
_SETPRIV, _SHELL = "/usr/bin/setpriv", "/bin/sh"
_UNLIMITED = "unlimited"
_KIB, _FSIZE_UNIT = 1 << 10, 512
_SIGNAL_STATUS = 128

# Its parameters: the parent; what to do when it has died; limits in the units of ulimit. While a shell
# waits, a signal that it traps comes through; the command, in the background, gets its standard input by
# way of descriptor 9, as the shell would give it /dev/null.
_LAUNCHER = """
end=$2
end_all() { trap '' TERM; [ "$end" = kill ] || ask; kill -s KILL 0; }
ask() { child=${child:-$!}; kill -s TERM 0; { sleep "$end"; kill -s KILL 0; } & wait $child; }
trap end_all TERM
[ "$PPID" = "$1" ] || kill -s KILL 0
ulimit -c 0; ulimit -v "$3"; ulimit -f "$4"; ulimit -t "$5"
shift 5
{ "$@" <&9 9<&- & child=$!; } 9<&0
wait "$child"
"""


class Limits(NamedTuple):
    """Of each process: bytes of address space, bytes of each file it writes, seconds of CPU time."""

    memory: int | None = 1 << 29
    output: int | None = 1 << 24
    cpu_time: int | None = int(TIME_LIMIT)


UNLIMITED = Limits(None, None, None)


class Result(NamedTuple):
    """What a tool has done: its exit status, standard output, and lines of standard error."""

    status: int
    output: bytes
    messages: list[str]


def tool_environment() -> dict[str, str]:
    """Return what a tool may see of the user's environment: where tools are, and no language or options."""
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


def start(
    command: Sequence[str],
    limits: Limits,
    *,
    environment: Mapping[str, str] | None = None,
    grace: int | None = None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Start a command in a process group of its own; ``options`` are those of Popen.

    Should the thread that starts it die, so does the group, after ``grace`` seconds if it is to tidy up.
    The process that is returned is the launcher, which ends with the status of the command, 128 and the
    number for a signal, as shells do. Raises FileNotFoundError when the command is not there.
    """
    environment = tool_environment() if environment is None else environment
    executable = shutil.which(command[0], path=environment.get("PATH", os.defpath))
    if executable is None:
        raise FileNotFoundError(command[0])
    numbers = (
        _UNLIMITED if limits.memory is None else limits.memory // _KIB,
        _UNLIMITED if limits.output is None else limits.output // _FSIZE_UNIT,
        _UNLIMITED if limits.cpu_time is None else limits.cpu_time,
    )
    launcher = [_SETPRIV, "--pdeathsig", "TERM", _SHELL, "-c", _LAUNCHER, command[0]]
    parameters = map(str, (os.getpid(), "kill" if grace is None else grace, *numbers))
    return subprocess.Popen(
        [*launcher, *parameters, executable, *command[1:]], env=environment, process_group=0, **options
    )


def end(process: subprocess.Popen[Any], *, grace: int | None = None) -> None:
    """End a process that ``start`` has started, and all of its group, at once or when they have tidied up."""
    if process.returncode is None:
        if grace is not None:
            process.terminate()
            _ends(process.pid, grace + 1)
        # The group's number cannot be another's before its leader has been waited for.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_bounded(
    command: Sequence[str],
    contents: bytes,
    source: str,
    *,
    directory: Path | None = None,
    limits: Limits | None = None,
) -> Result:
    """Run ``command`` with ``contents`` on its standard input.

    Nothing that it has started is left when this returns. Raises InputError, naming ``source``, when the tool
    is not there, cannot be run or goes beyond a limit.
    """
    limits = Limits() if limits is None else limits
    try:
        return _run(command, contents, source, directory, limits)
    except OSError as error:  # no directory for temporary files, a full disk, too many processes
        reason = error.strerror or str(error)
        raise InputError(source, f"{command[0]} cannot be run: {reason}") from None


def _run(
    command: Sequence[str], contents: bytes, source: str, directory: Path | None, limits: Limits
) -> Result:
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as log,
    ):
        given.write(contents)
        given.seek(0)
        try:
            process = start(command, limits, stdin=given, stdout=output, stderr=log, cwd=directory)
        except FileNotFoundError:
            raise InputError(source, f"{command[0]} is not installed") from None
        try:
            is_in_time = _ends(process.pid, TIME_LIMIT)
        finally:
            end(process)
        if not is_in_time:
            raise InputError(source, f"{command[0]} takes longer than {TIME_LIMIT:g} s")
        status = process.returncode
        if status < 0 or status > _SIGNAL_STATUS:
            reason = signal.strsignal(abs(status) % _SIGNAL_STATUS)
            raise InputError(source, f"{command[0]} ended: {reason}")
        output.seek(0)
        log.seek(0)
        messages = log.read(limits.output or -1).decode("utf-8", "replace").splitlines()
        return Result(status, output.read(limits.output or -1), messages)


def _ends(process: int, seconds: float) -> bool:
    """Tell whether a child process ends within so many seconds; it has still to be waited for."""
    # Popen.wait() with a limit of time sleeps for ever longer while it waits.
    descriptor = os.pidfd_open(process)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)

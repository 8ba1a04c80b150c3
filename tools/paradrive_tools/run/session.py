# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a machine from the command line: files in, console in between, verdict out.

A user waits for all that happens here before the guest's first instruction, so what only some runs
need (symbols, report, trace, the guest's builder) is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from paradrive.devices.pvctl import BootReason
from paradrive.devicetree.fdt import MAX_FDT_SIZE
from paradrive.devicetree.node import DeviceTree
from paradrive.guest.console import PANIC, Console
from paradrive.guest.terminal import HostKeys, InputStream, Signals, Terminal
from paradrive.host.inputs import InputError, read_input
from paradrive.host.printable import printable
from paradrive.machine.board import board_named
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine, cpu_named
from paradrive.machine.outcome import Interrupted
from paradrive.machine.run_loop import OnPanic
from paradrive_tools.options import DEFAULT_CPU, DEFAULT_MACHINE, device_models
from paradrive_tools.run.terms import DEFAULT_RESET_LIMIT, KEYS
from paradrive_tools.run.verdict import judge, unheard_log

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from paradrive.machine.device_models import Model

#: Options that say what a saved guest says already.
DESCRIBING_OPTIONS = ("memory", "kernel", "initrd", "dtb", "append")
MAX_INITRD_SIZE = 1 << 28
_STANDARD_INPUT, _STANDARD_OUTPUT = 0, 1


def execute(options: argparse.Namespace) -> int:
    """Run the guest, print the verdict and return the exit status, as `terms` lists them.

    The verdict's time is that of the guest's run alone. Raises InputError where a file or an option cannot be
    used.
    """
    output = Output(_STANDARD_OUTPUT)
    console = Console(output.write)
    models = device_models(options)
    machine = _machine(options, console, models)
    for warning in [*machine.warnings, *_models_without_a_node(models, machine)]:
        print(f"paradrive: warning: {printable(warning)}", file=sys.stderr)
    terminal = Terminal(_STANDARD_INPUT)
    # On a machine that cannot power off, a reset is how a guest ends.
    reset_ends = options.reset_limit is None and not board_named(machine.name).powers_off
    default_limit = 0 if reset_ends else DEFAULT_RESET_LIMIT
    saving = _Saving(machine, options.save, options.save_at)
    console.watch(PANIC, lambda line: machine.panicked(line[line.index(PANIC) :]))
    reset = partial(machine.request_reset, BootReason.HOST_RESET)
    keys = HostKeys(
        {
            b"h": lambda: output.write(KEYS.encode()),
            b"x": machine.interrupt,
            b"r": reset,
            b"b": machine.send_break,
        }
    )
    with Signals(machine.interrupt, terminal, {signal.SIGUSR1: reset}) as signals:
        with _trace(machine, options.trace_mmio), terminal:
            started = time.monotonic()
            outcome = machine.run(
                options.max_instructions,
                reset_limit=default_limit if options.reset_limit is None else options.reset_limit,
                host=InputStream(_STANDARD_INPUT, before_wait=console.flush, terminal=terminal, keys=keys),
                on_panic=OnPanic(options.on_panic),
            )
            seconds = time.monotonic() - started
        signals.run_is_over()
        console.end()
        saving.end()
        verdict = judge(outcome, machine, reset_ends=reset_ends, signal_number=signals.ended_by)
        kernel_log = unheard_log(machine, console, verdict)
        if options.json:
            from paradrive_tools.run.report import write_report

            write_report(options.json, machine, verdict, seconds, kernel_log)
        if kernel_log:
            lines = "\n".join(["paradrive: nothing came on the console; the kernel's log:", *kernel_log])
            output.write(f"{lines}\n".encode())
        total = f"after {machine.vcpu.instructions} instructions in {seconds:.2f} s"
        output.write(f"paradrive: {verdict.sentence} {total}\n".encode())
        machine.destroy()
    if output.problem is not None and not isinstance(outcome, Interrupted):
        raise InputError("standard output", os.strerror(output.problem))
    return verdict.exit_status


def _machine(options: argparse.Namespace, console: Console, models: Mapping[str, Model]) -> Machine:
    """Return the machine to run: a new one, or the saved one."""
    if options.load is None:
        return Machine(configuration(options)._replace(models=models), console.transmit)
    for name in DESCRIBING_OPTIONS:
        if getattr(options, name) is not None:
            raise InputError(f"--{name}", "cannot be combined with --load: the saved guest has its own")
    # Imported only here and for saving: most runs do neither.
    from paradrive.machine import saved_machine

    machine = saved_machine.load(options.load, console.transmit, engine=options.engine, models=models)
    for name, wanted, saved in (
        ("machine", options.machine, machine.name),
        ("cpu", options.cpu, machine.cpu_model.name),
    ):
        if wanted not in (None, saved):
            raise InputError(f"--{name}", f"is {wanted}, but the saved guest has {saved}")
    return machine


def _models_without_a_node(models: Mapping[str, Model], machine: Machine) -> Iterator[str]:
    """Yield a warning for each device of the user's that the machine has not got."""
    present = {type(device) for device in machine.devices.values()}
    for model in dict.fromkeys(models.values()):
        if model not in present:
            keys = " or ".join(key for key in models if models[key] is model)
            yield f"--device: no node that is enabled and has registers is {keys}"


class _Saving:
    """Saves the machine once: when it has executed ``at`` instructions, or at the end of the run."""

    def __init__(self, machine: Machine, path: str | None, at: int | None) -> None:
        self._machine, self._path, self._at = machine, path, at
        self._done = False
        if at is not None:
            if path is None:
                raise InputError("--save-at", "needs --save")
            machine.call_at(at, self._save)

    def _save(self) -> None:
        if self._path is not None:
            from paradrive.machine import saved_machine

            saved_machine.save(self._machine, self._path)
        self._done = True

    def end(self) -> None:
        """Save at the end of the run, or warn that it came too early."""
        if self._at is None:
            self._save()
        elif not self._done:
            ended = f"the run ended at instruction {self._machine.vcpu.instructions}, before {self._at}"
            print(f"paradrive: warning: {self._path}: not saved: {ended}", file=sys.stderr)


def configuration(options: argparse.Namespace) -> Configuration:
    """Return what the options describe; InputError where a file or a name cannot be used."""
    machine, cpu = options.machine or DEFAULT_MACHINE, options.cpu or DEFAULT_CPU
    board = board_named(machine)
    cpu_named(cpu)
    board.check_cpu(cpu)
    kernel, initrd, dtb = _files(options, machine, cpu)
    return Configuration(
        tree=DeviceTree(read_input(dtb, MAX_FDT_SIZE), dtb),
        kernel=load_kernel(kernel),
        initrd=Initrd(initrd, read_input(initrd, MAX_INITRD_SIZE)),
        machine=machine,
        cpu=cpu,
        memory_size=options.memory,
        command_line=options.append,
        engine=options.engine,
    )


def _files(options: argparse.Namespace, machine: str, cpu: str) -> tuple[str, str, str]:
    """Return kernel, initrd and device tree; the project's guest stands in for what is not given."""
    if options.kernel and options.initrd and options.dtb:
        return options.kernel, options.initrd, options.dtb
    from paradrive_tools.guest_build import BuildError, ensure_guest

    try:
        guest = ensure_guest(cpu, machine=machine)
    except BuildError as error:
        raise InputError("guest", str(error)) from None
    return (
        options.kernel or str(guest.kernel),
        options.initrd or str(guest.initrd),
        options.dtb or str(guest.dtb),
    )


@contextlib.contextmanager
def _trace(machine: Machine, path: str | None) -> Iterator[None]:
    """Trace the machine's device accesses to a file, if one is given."""
    if path is None:
        yield
        return
    from paradrive_tools.run.mmio_trace import MmioTrace

    with MmioTrace(path, machine.clock) as trace:
        machine.bus.trace = trace.record
        yield
    if trace.problem:
        print(f"paradrive: warning: {path}: the trace is incomplete: {trace.problem}", file=sys.stderr)


class Output:
    """A file descriptor that takes the console; what it does not take any more is dropped.

    It is written to from inside the guest's accesses to its UART, where nothing may raise. ``problem`` is the
    errno of why it takes no more, None as long as it does; nor is it one that nobody reads any more.
    """

    def __init__(self, descriptor: int) -> None:
        self.problem: int | None = None
        self._descriptor = descriptor
        self._broken = False

    def write(self, data: bytes) -> None:
        """Write all of ``data``."""
        while data and not self._broken:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # somebody who shares it does not want to wait, but this process does
                select.select([], [self._descriptor], [])
            except OSError as error:
                self._broken = True
                if error.errno != errno.EPIPE:
                    self.problem = error.errno

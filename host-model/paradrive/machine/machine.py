# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole machine: built from its device tree, booted, run until it ends, reset on the way.

The one place that drives the devices' life cycle. What the outside world says to the machine goes through
``Host``; what the machine says to it is the bytes of the console and the outcome of ``run``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paradrive.cpu.clock import NANOSECONDS_PER_SECOND, Clock
from paradrive.cpu.models import CPU_MODELS, CpuModel
from paradrive.cpu.vcpu import RunExit, Vcpu
from paradrive.devices.bus import Bus
from paradrive.devices.pvctl import BootReason, Pvctl
from paradrive.devices.ram import Ram
from paradrive.machine import boot
from paradrive.machine.board import board_named, populate
from paradrive.machine.inputs import InputError
from paradrive.machine.outcome import (
    Interrupted,
    NoProgress,
    Outcome,
    Panicked,
    ResetLimit,
)
from paradrive.machine.pvctl_host import MachinePvctlHost
from paradrive.machine.snapshot import MachineSnapshot, Progress, copy_pages, differing_pages, restore_pages
from paradrive.machine.wiring import Surroundings, Wiring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from paradrive.devices.ns16550 import Ns16550
    from paradrive.machine.board import Connect
    from paradrive.machine.devicetree import DeviceTree, Node
    from paradrive.machine.elf_kernel import Kernel

#: Instructions between two looks at the host's input: some 10 ms on the compiled engine.
SLICE = 5_000_000
#: Queued bytes of input from which on the host is not asked for more: the guest does not keep up.
ENOUGH_INPUT = 4096
#: Instructions in which a kernel that has panicked may still print, call its notifiers and reset.
PANIC_GRACE = 100_000_000
#: What is remembered of a line on the console that the guest does not end, in bytes.
MAX_CONSOLE_LINE = 4096
#: Guest time, in nanoseconds, that a guest may idle without a word when nobody can wake it.
IDLE_LIMIT = 60 * NANOSECONDS_PER_SECOND
_NEWLINE = 0x0A


class Host(Protocol):
    """The input side of the world around a machine."""

    def is_open(self) -> bool:
        """Tell whether input may still come; if so, an idle guest waits for it in real time."""

    def poll(self) -> bytes:
        """Return the input that has come, without waiting; nothing once the input is closed."""

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        """Wait for input, at most ``nanoseconds``; return it, and how many of them have passed."""


class Configuration(NamedTuple):
    """What a machine is made of.

    ``memory_size`` in bytes overrides the tree's memory nodes, ``command_line`` its kernel arguments.
    ``models`` are device models besides the board's, by the ``compatible`` string of their nodes.
    """

    tree: DeviceTree
    kernel: Kernel
    initrd: boot.Initrd | None = None
    machine: str = "ppce500"
    cpu: str = "e500v2"
    memory_size: int | None = None
    command_line: str | None = None
    engine: Literal["compiled", "reference"] = "compiled"
    models: Mapping[str, Connect] = MappingProxyType({})


def cpu_named(name: str) -> CpuModel:
    """Return the CPU of this name; InputError when there is none."""
    if name not in CPU_MODELS:
        raise InputError("--cpu", f"there is no CPU {name!r}, only {' and '.join(CPU_MODELS)}")
    return CPU_MODELS[name]


class Machine:
    """A machine that has been powered on and is about to enter its kernel.

    ``transmit`` gets each byte which the guest sends on its console. Raises InputError (DeviceTreeError,
    KernelError) when no machine can be made of the configuration.
    """

    def __init__(self, configuration: Configuration, transmit: Callable[[int], None]) -> None:
        tree = configuration.tree
        board = board_named(configuration.machine)
        self.name = board.name
        self.cpu_model = cpu_named(configuration.cpu)
        self.kernel = configuration.kernel
        self.clock = Clock()
        self.bus = Bus()
        self.resets = 0
        self._transmit = transmit
        self._console_line = bytearray()
        self._appointment: tuple[int, Callable[[], None]] | None = None
        self._outcome: Outcome | None = None
        self._reset_requested = False
        self._panic_message: str | None = None
        self._panic_deadline = 0
        self._active_instructions = 0
        self._active_time = 0
        self._last_snapshot: MachineSnapshot | None = None

        if configuration.memory_size is not None:
            tree.set_memory_size(configuration.memory_size)
        self.memories = self._create_memory(tree)
        wiring = Wiring(
            Surroundings(
                self.clock,
                self.cpu_model,
                interrupt_cpu=lambda level: self.vcpu.set_external_interrupt(level),
                transmit=self._console_byte,
                reset_requested=self.request_reset,
                pvctl_host=MachinePvctlHost(self),
            ),
            tree.console_node(),
        )
        models = {**board.models, **configuration.models}
        self.devices, self.warnings = populate(board._replace(models=models), tree, wiring, self.bus)
        self.console = wiring.console
        #: All UARTs by the paths of their nodes; what listens to one takes the place of its ``transmit``.
        self.serial_ports: Mapping[str, Ns16550] = wiring.serial_ports
        self.vcpu = self._create_vcpu(configuration, wiring)
        self.bus.on_change = self.vcpu.memory_changed
        self.images = boot.prepare(
            configuration.kernel, tree, configuration.initrd, configuration.command_line, self.memories
        )
        self._start(BootReason.COLD)

    def _create_memory(self, tree: DeviceTree) -> list[Ram]:
        memories = []
        for region in tree.memory_regions():
            try:
                memory = Ram(region.address, region.size)
                self.bus.map_memory(memory)
            except ValueError as error:
                raise tree.error(str(error)) from None
            memories.append(memory)
        return memories

    def _create_vcpu(self, configuration: Configuration, wiring: Wiring) -> Vcpu:
        nodes = configuration.tree.cpu_nodes()
        for node in nodes[1:]:
            self.warnings.append(f"{node.path}: only the boot CPU is modelled; this one never starts")
        self._check_cache_line(nodes[0])
        timebase_frequency = nodes[0].cell("timebase-frequency")
        if timebase_frequency == 0:
            raise nodes[0].error("timebase-frequency is 0")
        return Vcpu(
            self.cpu_model,
            self.bus,
            self.clock,
            engine=configuration.engine,
            interrupt_controller=wiring.mpic,
            timebase_frequency=timebase_frequency,
        )

    def _check_cache_line(self, node: Node) -> None:
        size = node.cell("d-cache-line-size", self.cpu_model.cache_line_size)
        if size != self.cpu_model.cache_line_size:
            differs = f"an {self.cpu_model.name} has {self.cpu_model.cache_line_size}"
            self.warnings.append(f"{node.path}: says that a cache line has {size} bytes, but {differs}")

    # Life cycle

    def _start(self, reason: BootReason) -> None:
        """Load the images and enter the kernel; devices and core are in their power-on state."""
        for device in self.devices.values():
            if isinstance(device, Pvctl):
                device.boot_reason = reason
        self._panic_message = None
        self._reset_requested = False
        self.images.load()
        for address, size in self.images.ranges():
            self.vcpu.note_written(address, size)
        self.images.enter(self.vcpu)

    def reset(self, reason: BootReason) -> None:
        """Reboot the guest: RAM keeps what the boot images do not overwrite, as on a board."""
        for device in self.devices.values():
            device.reset()
        self.vcpu.reset()
        self.resets += 1
        self._start(reason)

    def snapshot(self) -> MachineSnapshot:
        """Return the state of the machine between two runs, for ``restore``."""
        self._last_snapshot = MachineSnapshot(
            self.vcpu.snapshot(),
            {path: device.save() for path, device in self.devices.items()},
            copy_pages(self.memories),
            self.progress,
        )
        return self._last_snapshot

    def restore(self, snapshot: MachineSnapshot) -> None:
        """Return to the state of a snapshot of this machine; fastest if it is the one used last."""
        changed = self.vcpu.stored_pages
        if snapshot is not self._last_snapshot:
            changed |= differing_pages(snapshot, self._last_snapshot)
            self._last_snapshot = snapshot
        restore_pages(self.bus, changed, snapshot.pages)
        self.clock.clear()
        self.vcpu.restore(snapshot.vcpu)
        for path, device in self.devices.items():
            device.load(snapshot.devices[path])
        self.progress = snapshot.progress

    @property
    def progress(self) -> Progress:
        """What the machine itself remembers of its guest."""
        return Progress(
            self.resets,
            self._reset_requested,
            self._panic_message,
            self._panic_deadline,
            bytes(self._console_line),
        )

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self.resets, self._reset_requested, self._panic_message, self._panic_deadline, line = progress
        self._console_line[:] = line
        self._note_activity()

    def save(self, path: str) -> None:
        """Save the machine, between two runs or from `call_at`; InputError when the file cannot be written.

        The file is complete or untouched; `saved_machine` says what is in it.
        """
        # Imported only here: most runs neither save nor load.
        from paradrive.machine import saved_machine

        saved_machine.save(self, path)

    @classmethod
    def load(
        cls,
        path: str,
        transmit: Callable[[int], None],
        *,
        engine: Literal["compiled", "reference"] = "compiled",
        models: Mapping[str, Connect] = MappingProxyType({}),
    ) -> Machine:
        """Return a machine that continues where one was saved, in whichever process and with either engine.

        ``models`` are device models besides the board's, as then. Raises InputError when the file is damaged,
        newer than this version, or of a machine that cannot be made here.
        """
        from paradrive.machine import saved_machine

        return saved_machine.load(path, transmit, engine=engine, models=models)

    def destroy(self) -> None:
        """Let go of what the machine holds; it is not used any more after."""
        for device in self.devices.values():
            device.destroy()

    # What devices and host tell

    def panicked(self, message: str) -> None:
        """Take note that the guest's kernel has panicked; ``run`` ends once it has told about it."""
        if self._panic_message is None:
            self._panic_message = message
            self._panic_deadline = self.vcpu.instructions + PANIC_GRACE
            self.vcpu.request_stop()

    def end(self, outcome: Outcome) -> None:
        """Let ``run`` return ``outcome`` after the present instruction."""
        self._outcome = outcome
        self.vcpu.request_stop()

    def interrupt(self) -> None:
        """Let ``run`` return, because the user wants it."""
        self.end(Interrupted())

    def request_reset(self) -> None:
        """Let ``run`` reboot the guest after the present instruction."""
        self._reset_requested = True
        self.vcpu.request_stop()

    def _console_byte(self, byte: int) -> None:
        self._note_activity()
        self._console_line.append(byte)
        if byte == _NEWLINE or len(self._console_line) == MAX_CONSOLE_LINE:
            self._console_line.clear()
        self._transmit(byte)

    def call_at(self, instructions: int, action: Callable[[], None]) -> None:
        """Let ``run`` call ``action`` once, between two instructions, when so many have been executed in all.

        There is one such appointment at most; a new one takes the place of the old.
        """
        self._appointment = instructions, action

    def _takes_input(self) -> bool:
        """Tell whether the host shall be asked for input; it could have any amount of it."""
        return self.console is not None and self.console.queued < ENOUGH_INPUT

    def _receive(self, data: bytes) -> None:
        if data and self.console is not None:
            self._note_activity()
            self.console.receive(data)

    def _note_activity(self) -> None:
        self._active_instructions = self.vcpu.instructions
        self._active_time = self.clock.now()

    # The run loop

    def run(self, budget: int, *, reset_limit: int, host: Host | None = None) -> Outcome:
        """Run until the guest ends, and return how.

        It may execute ``budget`` instructions and reset itself ``reset_limit`` times. While input may still
        come from ``host``, the budget counts from the last byte received or sent on the console.
        """
        start, resets = self.vcpu.instructions, self.resets
        self._outcome = None
        self._note_activity()
        while self._outcome is None:
            if self._reset_requested and self._panic_message is None:
                if self.resets - resets == reset_limit:
                    self._outcome = ResetLimit(reset_limit)
                    break
                self.reset(BootReason.GUEST_RESET)
            self._keep_appointment()
            if host is not None and self._takes_input():
                self._receive(host.poll())
            attended = host is not None and host.is_open()
            counted_from = max(start, self._active_instructions) if attended else start
            remaining = counted_from + budget - self.vcpu.instructions
            if remaining <= 0:
                self._outcome = self._no_progress(f"it has executed {budget} instructions")
                break
            self._handle(self.vcpu.run(min(remaining, self._uninterrupted())), host if attended else None)
        return self._outcome

    def _keep_appointment(self) -> None:
        if self._appointment is not None and self.vcpu.instructions >= self._appointment[0]:
            action, self._appointment = self._appointment[1], None
            action()

    def _uninterrupted(self) -> int:
        """Return how many instructions to execute until the run loop has something else to look at."""
        now, length = self.vcpu.instructions, SLICE
        if self._appointment is not None:
            length = min(length, self._appointment[0] - now)
        if self._panic_message is not None:
            length = min(length, max(self._panic_deadline - now, 0))
        return length

    def _handle(self, run_exit: RunExit, host: Host | None) -> None:
        if run_exit is RunExit.IDLE:
            self._idle(host)
        elif run_exit is RunExit.RESET:
            self._reset_requested = True
        if self._panic_message is not None and self._panic_is_over():
            self._outcome = Panicked(self._panic_message)

    def _panic_is_over(self) -> bool:
        """Tell whether a kernel that has panicked has ended in its way, or will not any more."""
        ended = self._outcome is not None and not isinstance(self._outcome, Interrupted)
        return ended or self._reset_requested or self.vcpu.instructions >= self._panic_deadline

    def _idle(self, host: Host | None) -> None:
        """Let guest time pass up to the next event, or to the input that comes before it."""
        now, due = self.clock.now(), self.clock.next_event()
        if host is not None and self._takes_input():
            data, passed = host.wait(None if due is None else max(due - now, 0))
            self._receive(data)
            until = now + passed
        elif due is None:
            self._outcome = self._no_progress("it idles, and nothing is due that could wake it")
            return
        elif due - self._active_time > IDLE_LIMIT:
            limit = IDLE_LIMIT // NANOSECONDS_PER_SECOND
            self._outcome = self._no_progress(f"it has idled for {limit} s of guest time")
            return
        else:
            until = due
        self.vcpu.skip_to(until)

    def _no_progress(self, reason: str) -> NoProgress:
        return NoProgress(reason, self.vcpu.state.pc, self.vcpu.state.lr)

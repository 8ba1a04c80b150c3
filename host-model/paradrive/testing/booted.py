# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that has booted and does what a test asks for; each test gets it as it was after its boot."""

from __future__ import annotations

import contextlib
import shlex
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.mpic import Mpic
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import BootReason
from paradrive.devicetree.node import DeviceTree
from paradrive.guest.agent import Agent, Completed, GuestEndedError
from paradrive.guest.agent_protocol import AgentError
from paradrive.guest.console import PANIC, Console
from paradrive.guest.memory import GuestMemory
from paradrive.host.printable import printable_lines
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import Interrupted
from paradrive.testing.faults import FaultInjection
from paradrive.testing.modules import Modules, loadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from paradrive.devices.bus import MmioAccess
    from paradrive.devices.undeclared import UndeclaredChange
    from paradrive.guest.source_lines import SourceLine
    from paradrive.guest.symbols import Symbols
    from paradrive.machine.device_models import Model
    from paradrive.testing.guest import GuestFiles


#: The UART on which the agent listens (guest-driver/userland/agent.c), as an alias of the tree.
AGENT_PORT = "serial1"
#: Ten boots: what a guest may take until its agent answers, in instructions.
BOOT_BUDGET = 100_000_000
#: What a test may wait for an event, in instructions.
DEFAULT_BUDGET = 200_000_000
#: The file of the initramfs that names its modules.
MODULES_LIST = "/modules.list"
#: Some requests are made for each of its modules; a guest can list any number.
MAX_MODULES = 256
#: How many of the last device accesses are remembered.
ACCESSES_KEPT = 32


class Recipe(NamedTuple):
    """What a booted guest is made of; equal recipes give equal guests.

    ``tree`` is an fdt in place of the file's, ``append`` kernel arguments, ``modules`` files of
    the host that are loaded after the modules of the initramfs, ``models`` device models besides the
    board's, by the ``compatible`` string of their nodes.
    """

    files: GuestFiles
    tree: bytes | None = None
    append: str = ""
    modules: tuple[Path, ...] = ()
    machine: str = "ppce500"
    cpu: str = "e500v2"
    models: tuple[tuple[str, Model], ...] = ()


class TracedAccess(NamedTuple):
    """One access to a device, the address of the instruction that made it, and the link register then."""

    pc: int
    access: MmioAccess
    lr: int


class BootedGuest(FaultInjection):
    """A machine whose kernel runs, with the modules loaded and the agent waiting for requests.

    ``agent`` does in the guest what it is asked for; the most used requests are methods here too. ``memory``
    is the guest's RAM, ``accesses`` are the last device accesses since the test began, without those to UARTs
    and the interrupt controller. Raises AgentError when the guest does not come so far.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        files = recipe.files
        self.tree = tree = DeviceTree(
            files.dtb.read_bytes() if recipe.tree is None else recipe.tree, str(files.dtb)
        )
        self._kernel = files.kernel
        #: Files of the host that may have debugging information of the guest's modules.
        self._unstripped = self._unstripped_at_boot = (*files.modules, *recipe.modules)
        self._console = Console()
        self.accesses: deque[TracedAccess] = deque(maxlen=ACCESSES_KEPT)
        self._awaited: Callable[[MmioAccess], bool] | None = None
        self._reached = False
        self.machine = Machine(
            Configuration(
                tree=tree,
                kernel=load_kernel(str(files.kernel)),
                initrd=Initrd(str(files.initrd), files.initrd.read_bytes()),
                machine=recipe.machine,
                cpu=recipe.cpu,
                command_line=f"run=/bin/agent {recipe.append}",
                models=dict(recipe.models),
            ),
            lambda byte: self._console.transmit(byte),
        )
        self._everyday_devices = frozenset(
            device for device in self.machine.devices.values() if isinstance(device, Ns16550 | Mpic)
        )
        self._everyday_names = {device.name for device in self._everyday_devices}
        self._new_console()
        self.memory = GuestMemory(self.machine)
        node = tree.find(AGENT_PORT)
        port = self.machine.serial_ports.get(node.path) if node is not None else None
        if port is None:
            raise AgentError(f"{tree.source}: there is no {AGENT_PORT}, on which the agent would listen")
        self.agent = Agent(self.machine, port, self._describe)
        self._modules = Modules(self._kernel, (), self.agent)
        try:
            self._boot(recipe.modules)
        except AgentError as error:
            console = printable_lines(self.console)
            raise AgentError(f"the guest has not booted: {error}; its console:\n{console}") from error
        self._snapshot = self.machine.snapshot()
        self._revert_constants = self._capture_constants()
        self._regions = self.machine.bus.regions
        self._unimplemented = self.machine.vcpu.unimplemented.copy()
        self._transmitters = [(port, port.transmit) for port in self.machine.serial_ports.values()]

    # Life of the guest

    def _boot(self, modules: tuple[Path, ...]) -> None:
        self.agent.connect(BOOT_BUDGET)
        paths = self.read(MODULES_LIST).split()
        if len(paths) > MAX_MODULES:
            raise AgentError(f"{MODULES_LIST} names {len(paths)} modules, more than {MAX_MODULES}")
        for module in modules:
            paths.append(f"/lib/modules/{module.name}")
            self.agent.write(paths[-1], loadable(module))
            self.agent.insmod(paths[-1])
        self._modules = self._modules_at_boot = Modules(self._kernel, paths, self.agent)
        self._changed_modules: list[str] = []
        self.machine.bus.untraced = self._everyday_devices
        self.machine.bus.trace = self._note_access
        # Up to where the kernel has nothing to do but to wait for the next request.
        outcome = self.machine.run(BOOT_BUDGET, reset_limit=0, until_idle=True)
        if not isinstance(outcome, Interrupted):
            raise GuestEndedError("waiting for the guest to idle", outcome, self._describe)

    def restore(self) -> None:
        """Return to the state after the boot, whatever has happened since."""
        machine = self.machine
        self._rebuild_board()
        # Before the rest: what a device loads depends on what it offers.
        for revert in self._revert_constants:
            revert()
        machine.restore(self._snapshot)
        machine.bus.guest_errors.clear()
        machine.vcpu.unimplemented.clear()
        machine.vcpu.unimplemented.update(self._unimplemented)
        if machine.bus.trace != self._note_access:
            machine.bus.trace = self._note_access
        machine.bus.untraced = self._everyday_devices
        self.agent.forget()
        self.accesses.clear()
        self._modules, self._changed_modules = self._modules_at_boot, []
        self._unstripped = self._unstripped_at_boot
        self._new_console()

    def undeclared_changes(self) -> list[UndeclaredChange]:
        """Return what devices have changed in runs since the last restore without declaring it.

        It restores the guest where a class says that it brings back by itself what it does not declare.
        """
        changes = self.machine.undeclared_changes()
        if any(change.may_be_restored for change in changes):
            self.restore()
        return [
            change
            for change in changes
            if not change.may_be_restored or change.name in change.device.undeclared_changes()
        ]

    def reset(self, reason: BootReason = BootReason.HOST_RESET) -> None:
        """Reset the machine, and let the guest boot until its agent answers; AgentError if it does not.

        The guest is told ``reason``. What a test has loaded or written is gone, as after any boot.
        """
        self.machine.reset(reason)
        self.agent.connect(BOOT_BUDGET)

    def _rebuild_board(self) -> None:
        """Let the bus map what it mapped after the boot, and the UARTs send to whom they sent."""
        self.end_device_faults()
        self.machine.bus.regions = self._regions
        for port, transmit in self._transmitters:
            port.transmit = transmit

    def _capture_constants(self) -> list[Callable[[], None]]:
        """Return what brings back what a test may have changed and a saved state leaves out."""
        return [
            revert
            for device in self.machine.devices.values()
            for declaration in device.declarations.values()
            if declaration.is_constant and (revert := declaration.capture(device)) is not None
        ]

    def _new_console(self) -> None:
        self._console = Console()
        self._console.watch(PANIC, lambda line: self.machine.panicked(line[line.index(PANIC) :]))

    def _note_access(self, access: MmioAccess) -> None:
        if access.device not in self._everyday_names:
            state = self.machine.vcpu.state
            self.accesses.append(TracedAccess(state.pc, access, state.lr))
        if self._awaited is not None and self._awaited(access):
            self._reach()

    # What the guest is and says

    def symbol(self, name: str) -> int:
        """Return the effective address of a function of the kernel or of a module.

        LookupError unless exactly one has this name. Asks the agent where modules are that a test has loaded.
        """
        if self._changed_modules:
            paths = (*self._modules.paths, *self._changed_modules)
            self._modules, self._changed_modules = Modules(self._kernel, paths, self.agent), []
        return self.symbols.address(name)

    @property
    def symbols(self) -> Symbols:
        """The symbols of the kernel, and of the modules loaded when a symbol was asked for last."""
        return self._modules.symbols

    def source_lines(self, addresses: Iterable[int]) -> dict[int, list[SourceLine]]:
        """Return the source lines of instructions of modules, as far as `GuestFiles.modules` can tell them.

        By effective address, of each the innermost inline function first. The modules are those of
        ``symbols``.
        """
        return self._modules.source_lines(addresses, self._unstripped)

    def _describe(self, address: int) -> str:
        """Return an address with the name of the function that it is in, as far as that is known."""
        linked = address + self.machine.kernel.virtual_offset & 0xFFFF_FFFF  # early, the MMU maps nothing
        name = self.symbols.describe(address) or self.symbols.describe(linked)
        return f"{address:#010x} {name}" if name else f"{address:#010x}"

    # Requests to the agent

    def run(self, command: str) -> Completed:
        """Run a command: words as a shell splits them, a program and its arguments."""
        return self.agent.run(*shlex.split(command))

    def read(self, path: str) -> str:
        """Return the contents of a text file; ``agent.read`` returns bytes."""
        return self.agent.read(path).decode("utf-8", "replace")

    def write(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file; one that did not exist gets the permissions ``mode``."""
        self.agent.write(path, data, mode)

    def insmod(self, module: str | Path, parameters: str = "") -> None:
        """Load a module from a file of the guest, given as a string, or of the host, given as a Path."""
        path = module if isinstance(module, str) else f"/lib/modules/{module.name}"
        if not isinstance(module, str):
            self.agent.write(path, loadable(module))
            self._unstripped += (module,)
        self._changed_modules.append(path)
        self.agent.insmod(path, parameters)

    def rmmod(self, name: str) -> None:
        """Unload a module."""
        self._changed_modules.append(f"/lib/modules/{name}.ko")
        self.agent.rmmod(name)

    # Running the guest

    def run_until(
        self,
        *,
        line: str | None = None,
        symbol: str | None = None,
        access: Callable[[MmioAccess], bool] | None = None,
        instructions: int | None = None,
        budget: int = DEFAULT_BUDGET,
        reset_limit: int = 0,
    ) -> None:
        """Run the guest until one of these has happened.

        A ``line`` with this text has ended on the console; the function of the name ``symbol`` is about to
        be executed; a device access for which ``access`` returns True is made (a write: is about to be); so
        many ``instructions`` have been executed. Raises GuestEndedError when the guest ends before that, or
        has used up ``budget`` (with ``instructions``: as many more).
        """
        machine = self.machine
        with self._awaiting(line, symbol, access):
            goal = None if instructions is None else machine.vcpu.instructions + instructions
            deadline = machine.spent + budget + (instructions or 0)
            while not self._reached and (goal is None or machine.vcpu.instructions < goal):
                before, left = machine.spent, deadline - machine.spent
                if goal is not None:
                    left = min(left, goal - machine.vcpu.instructions)
                outcome = machine.run(left, reset_limit=reset_limit)
                # Some of what was left may have gone on idling, which brings the goal no nearer.
                has_more = left <= machine.spent - before < deadline - before
                if not self._reached and not isinstance(outcome, Interrupted) and not has_more:
                    raise GuestEndedError("run_until", outcome, self._describe)

    @contextlib.contextmanager
    def _awaiting(
        self, line: str | None, symbol: str | None, access: Callable[[MmioAccess], bool] | None
    ) -> Iterator[None]:
        """Let `_reach` be called when one of these happens, while the ``with`` block runs."""
        start = None if symbol is None else self.symbol(symbol)
        self._reached = False
        self._awaited = access
        if access is not None:
            # It may wait for one that is not remembered.
            self.machine.bus.untraced = frozenset()
        if start is not None:
            self.machine.vcpu.set_breakpoint(start, self._reach)
        if line is not None:
            self._console.watch(line, self._reach_line)
        try:
            yield
        finally:
            self._awaited = None
            self.machine.bus.untraced = self._everyday_devices
            if start is not None:
                self.machine.vcpu.remove_breakpoint(start, self._reach)
            if line is not None:
                self._console.unwatch(line, self._reach_line)

    def _reach_line(self, line: str) -> None:
        self._reach()

    def _reach(self) -> None:
        self._reached = True
        self.machine.interrupt()

    def destroy(self) -> None:
        """Let go of the machine."""
        self.machine.destroy()

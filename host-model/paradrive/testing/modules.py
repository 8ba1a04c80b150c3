# SPDX-License-Identifier: GPL-2.0-or-later
"""The modules that a guest has loaded: the names and the source lines of the code of kernel and modules."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.agent import RequestRefusedError
from paradrive.guest.agent_protocol import AgentError
from paradrive.guest.elf_file import ElfFile
from paradrive.guest.source_lines import SourceLine, source_lines
from paradrive.guest.symbols import Symbols
from paradrive.host.bounded_process import run_bounded
from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paradrive.guest.agent import Agent

STRIP = "powerpc-linux-gnu-strip"
#: The sections of a module that hold code for as long as it is loaded.
_CODE_SECTIONS = (".text", ".text.unlikely", ".exit.text")


class LoadedModule(NamedTuple):
    """A module's name and file, and where its code is, by section."""

    name: str
    elf: bytes
    sections: Mapping[str, int]

    def is_built_as(self, file: Path) -> bool:
        """Tell whether the code in a file of the host is this module's, to the byte."""
        try:
            return _code(file.read_bytes()) == _code(self.elf)
        except (OSError, InputError):
            return False


@lru_cache(maxsize=4)
def _kernel_symbols(kernel: Path) -> Symbols:
    return Symbols.read(kernel.read_bytes())


class Modules:
    """The modules among some files of the guest that are loaded at one time.

    Reading symbols takes half a second, so it is left until somebody asks for one.
    """

    def __init__(self, kernel: Path, paths: Iterable[str], agent: Agent) -> None:
        """Ask the agent which of the modules in the guest's files ``paths`` are loaded now, and where."""
        self._kernel = kernel
        self.paths = tuple(dict.fromkeys(paths))
        self._loaded = []
        for path in self.paths:
            name = module_name(path)
            sections = _sections(agent, name)
            if sections:
                self._loaded.append(LoadedModule(name, agent.read(path), sections))
        self._symbols: Symbols | None = None

    @property
    def symbols(self) -> Symbols:
        """The symbols of the kernel and of the loaded modules."""
        if self._symbols is None:
            symbols = _kernel_symbols(self._kernel)
            for module in self._loaded:
                symbols = symbols.with_module(module.elf, module.sections)
            self._symbols = symbols
        return self._symbols

    def source_lines(
        self, addresses: Iterable[int], unstripped: Iterable[Path]
    ) -> dict[int, list[SourceLine]]:
        """Return the lines of the instructions at these effective addresses, as far as they can be told.

        ``unstripped`` are files of the host with debugging information; one that is another build than what
        the guest has loaded is left alone.
        """
        wanted = set(addresses)
        found = {}
        for file in unstripped:
            for module in self._loaded:
                if module.name != module_name(file.name) or not module.is_built_as(file):
                    continue
                code = _code(module.elf)
                for section, base in module.sections.items():
                    offsets = [
                        address - base for address in wanted if 0 <= address - base < len(code[section])
                    ]
                    for offset, lines in source_lines(file, section, offsets).items() if offsets else ():
                        found[base + offset] = lines
        return found


@lru_cache(maxsize=16)
def _without_debugging_information(module: bytes) -> bytes:
    with TemporaryDirectory() as directory:
        file = Path(directory, "module.ko")
        file.write_bytes(module)
        try:
            done = run_bounded([STRIP, "--strip-debug", str(file)], b"", file.name)
        except InputError:  # a damaged file can lead it astray
            return module
        return file.read_bytes() if done.status == 0 else module


def loadable(file: Path) -> bytes:
    """Return what the guest's kernel needs of a module.

    The debugging information, nine tenths of some, would take seconds to get through a UART. It stays where
    binutils cannot take it away.
    """
    return _without_debugging_information(file.read_bytes())


def module_name(path: str) -> str:
    """Return the name of the module in a file, as the kernel has it."""
    return path.rpartition("/")[2].removesuffix(".ko").replace("-", "_")


def _code(elf: bytes) -> dict[str, bytes]:
    """Return the code in a module's file, by section."""
    file = ElfFile(elf, "module")
    contents = {name: file.section(name) for name in _CODE_SECTIONS}
    return {name: code for name, code in contents.items() if code is not None}


def _sections(agent: Agent, module: str) -> dict[str, int]:
    """Return where the code of a module is, by section; nothing if it is not loaded."""
    addresses = {}
    for section in _CODE_SECTIONS:
        path = f"/sys/module/{module}/sections/{section}"
        try:
            addresses[section] = int(agent.read(path), 16)
        except RequestRefusedError:
            continue
        except ValueError:
            raise AgentError(f"{path} holds no address") from None
    return addresses

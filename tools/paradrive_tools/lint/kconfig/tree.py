# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's Kconfig files with the driver's among them, placed as the series of ``make patches`` does it.

Kconfig files run commands to learn what compiler and linker can do: those of the guest's kernel, which ran
already when it was built. What a user hands in, a .config, is only ever data.
Source: Linux 6.12, Documentation/kbuild/kconfig-language.rst, kconfig-macro-language.rst.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kconfiglib import Kconfig, KconfigError, Symbol  # type: ignore[import-untyped]

from paradrive.host.bounded_process import UNLIMITED, start
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.paths import DRIVER_SOURCES
from paradrive_tools.guest_build.tools import CROSS_COMPILE, CROSS_COMPILER
from paradrive_tools.guest_build.upstream import driver_option

if TYPE_CHECKING:
    from collections.abc import Iterator

#: That of the guests, as the Kconfig files and a .config call it.
ARCHITECTURE = "powerpc"
DRIVER_KCONFIG = DRIVER_SOURCES / "Kconfig"
#: Where kconfiglib stops: it knows this keyword only by the name that it had before Linux 5.14.
_MODULES_FILE = "kernel/module/Kconfig"
_MODULES_KEYWORD, _FORMER_KEYWORD = "\n\tmodules\n", "\n\toption modules\n"
#: What a kernel's tools have answered, kept with the kernel, whose directory is named after their version.
_ANSWERS = "kconfig-answers.json"
_USER_CONFIGURATION = ".config of the user"


class KconfigTree(Kconfig):  # type: ignore[misc]
    """The options of the kernel in a directory. KconfigError and OSError when its files cannot be read."""

    def __init__(self, kernel: Path) -> None:
        self._kernel = kernel
        self._texts = _changed_files(kernel)
        self._answers_file = kernel / _ANSWERS
        self._known_answers = _read_answers(self._answers_file)
        self.answers = dict(self._known_answers)
        with _environment(kernel):
            super().__init__("Kconfig", warn=False)
        self._keep_answers()

    def _open(self, filename: str, mode: str) -> TextIO:
        """Open a file as kconfiglib does, but for those which are other than on the disk."""
        text = self._texts.get(filename)
        file: TextIO = super()._open(filename, mode) if text is None else io.StringIO(text)
        return file

    def load(self, configuration: str) -> None:
        """Give the options the values that the text of a .config sets, in place of those from before."""
        self._texts[_USER_CONFIGURATION] = configuration
        self.load_config(_USER_CONFIGURATION)

    @property
    def driver_option(self) -> Symbol:
        """The option of the driver."""
        nodes = (node for symbol in self.unique_defined_syms for node in symbol.nodes)
        return next(node.item for node in nodes if node.filename == str(DRIVER_KCONFIG))

    def answer(self, command: str) -> str:
        """Return what a command of a Kconfig file prints, on one line ($(shell,...))."""
        key = command.replace(str(self._kernel), "$(srctree)")
        if key not in self.answers:
            with tempfile.TemporaryDirectory() as directory:
                process = start(
                    ["sh", "-c", command],
                    UNLIMITED,
                    environment=os.environ,
                    cwd=directory,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                output, _ = process.communicate()
            self.answers[key] = " ".join(output.splitlines())
        return self.answers[key]

    def _keep_answers(self) -> None:
        if self.answers == self._known_answers:
            return
        with tempfile.NamedTemporaryFile("w", dir=self._kernel, delete=False, encoding="utf-8") as file:
            json.dump(self.answers, file, indent=1)
        Path(file.name).replace(self._answers_file)


def _read_answers(file: Path) -> dict[str, str]:
    try:
        answers: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return answers


def _shell(tree: KconfigTree, _: str, command: str) -> str:
    return tree.answer(command)


#: What kconfiglib takes from the module that KCONFIG_FUNCTIONS names: each function, and between how many
#: and how many arguments it has.
functions: dict[str, tuple[Any, int, int]] = {"shell": (_shell, 1, 1)}


@lru_cache(maxsize=1)
def kconfig_tree(kernel: Path) -> KconfigTree:
    """Return the options of the kernel in this directory, read once; BuildError when that fails."""
    try:
        return KconfigTree(kernel.resolve())
    except (KconfigError, OSError) as error:
        reason = " ".join(str(error).split())
        raise BuildError(f"cannot read the Kconfig files of the guest's kernel: {reason}") from error


def _changed_files(kernel: Path) -> dict[str, str]:
    """Return the texts of the files that are to be read otherwise than they are, by path."""
    modules, place = kernel / _MODULES_FILE, driver_option()
    options = kernel / place.path
    # In place of the empty line before, so that the lines below keep their numbers.
    before, after = f"\n\n{place.before}\n", f'\nsource "{DRIVER_KCONFIG}"\n{place.before}\n'
    return {
        str(modules): modules.read_text(encoding="utf-8").replace(_MODULES_KEYWORD, _FORMER_KEYWORD),
        str(options): options.read_text(encoding="utf-8").replace(before, after),
    }


@contextmanager
def _environment(kernel: Path) -> Iterator[None]:
    """Let the Kconfig files see what Kbuild sets for them, and nothing else of the user's than the PATH."""
    outer = dict(os.environ)
    os.environ.clear()
    os.environ.update(
        PATH=outer.get("PATH", os.defpath),
        LC_ALL="C",
        KCONFIG_FUNCTIONS=__name__,
        srctree=str(kernel),
        ARCH=ARCHITECTURE,
        SRCARCH=ARCHITECTURE,
        KERNELVERSION=(kernel / "include/config/kernel.release").read_text(encoding="utf-8").strip(),
        CC=CROSS_COMPILER,
        LD=f"{CROSS_COMPILE}ld",
        NM=f"{CROSS_COMPILE}nm",
        HOSTCC="gcc",
        CC_VERSION_TEXT=CROSS_COMPILER,
        CLANG_FLAGS="",
        RUSTC="rustc",
        BINDGEN="bindgen",
        PAHOLE="pahole",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(outer)

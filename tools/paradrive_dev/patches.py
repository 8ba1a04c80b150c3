# SPDX-License-Identifier: GPL-2.0-or-later
"""``make patches``: the series that brings pvctl into Linux, proven on the guest kernel's source.

The files are those of the checkout; guest-driver/upstream holds what only the series needs: its texts and
the entry for MAINTAINERS. Whoever runs this sends it: author and maintainer are the user whom git knows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from paradrive_tools.guest_build.configuration import check_settings
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.kernel import KBUILD_ARGUMENTS, ensure_kernel
from paradrive_tools.guest_build.paths import BUILD, CHECKOUT, DRIVER_SOURCES, TREE_SOURCES
from paradrive_tools.guest_build.source import source_version, unpack_source
from paradrive_tools.guest_build.tools import first_complaint, run
from paradrive_tools.guest_build.upstream import RESET_DRIVERS, Insertion, driver_option
from paradrive_tools.process import as_process

UPSTREAM = DRIVER_SOURCES / "upstream"
PATCHES = BUILD / "patches"
PURPOSE = "the patches"

#: Paths in the kernel's source.
RESET_BINDINGS = "Documentation/devicetree/bindings/power/reset"
ATTRIBUTES = "Documentation/ABI/testing/sysfs-driver-pvctl"
BINDING = f"{RESET_BINDINGS}/qemu,pvctl.yaml"
#: Whom the checkout's binding names as its maintainer; Linux wants a person there.
LIST = "linuxppc-dev@lists.ozlabs.org"


class Copy(NamedTuple):
    """A file of the checkout, and the path that it gets in the kernel's source."""

    source: Path
    path: str

    def make(self, tree: Path) -> None:
        """Copy the file."""
        destination = tree / self.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.source, destination)


class Patch(NamedTuple):
    """One patch of the series: the file with its message, and what it changes."""

    message: str
    changes: tuple[Copy | Insertion, ...]


def series() -> tuple[Patch, ...]:
    """Return the patches, but for their parts of MAINTAINERS."""
    makefile = (DRIVER_SOURCES / "Makefile").read_text(encoding="utf-8").splitlines(keepends=True)
    (rule,) = (line for line in makefile if line.startswith("obj-"))
    return (
        Patch(
            "binding.txt",
            (Copy(TREE_SOURCES / "bindings/power/reset" / Path(BINDING).name, BINDING),),
        ),
        Patch(
            "driver.txt",
            (
                Copy(DRIVER_SOURCES / ATTRIBUTES, ATTRIBUTES),
                Copy(DRIVER_SOURCES / "pvctl.c", f"{RESET_DRIVERS}/pvctl.c"),
                Copy(DRIVER_SOURCES / "pvctl_regs.h", f"{RESET_DRIVERS}/pvctl_regs.h"),
                driver_option(),
                Insertion(f"{RESET_DRIVERS}/Makefile", "obj-$(CONFIG_POWER_RESET_QNAP)", rule),
            ),
        ),
    )


class Series:
    """The series in the making, in a kernel source ``tree`` that is unpacked for it."""

    def __init__(self, tree: Path, sender: str) -> None:
        self._tree = tree
        self._sender = sender
        self._maintainers = (tree / "MAINTAINERS").read_text(encoding="utf-8")

    def write(self, destination: Path) -> None:
        """Commit the patches on top of the untouched files, and write them to ``destination``."""
        changed = {
            change.path for patch in series() for change in patch.changes if isinstance(change, Insertion)
        }
        self._git("init", "--quiet", "--initial-branch=pvctl")
        self._add("MAINTAINERS", *sorted(changed))
        self._git("commit", "--quiet", "--message=base")
        self._git("tag", "base")
        for patch in series():
            for change in patch.changes:
                change.make(self._tree)
            self._enter_maintainer()
            self._name_maintainer_of_binding()
            self._add("MAINTAINERS", *(change.path for change in patch.changes))
            self._git("commit", "--quiet", "--signoff", f"--file={UPSTREAM / patch.message}")
        letter = (UPSTREAM / "cover-letter.txt").read_text(encoding="utf-8")
        self._git("config", "branch.pvctl.description", letter)
        self._git(
            "format-patch",
            "--quiet",
            "--cover-letter",
            "--cover-from-description=subject",
            "--zero-commit",
            "--no-signature",
            f"--output-directory={destination}",
            "base",
        )

    def apply(self, patches: list[Path]) -> None:
        """Apply the patches to the untouched files."""
        self._git("reset", "--quiet", "--hard", "base")
        self._git("am", "--quiet", *(str(patch) for patch in patches))

    def check(self, patches: list[Path]) -> None:
        """Let checkpatch read the patches; BuildError when it finds anything at all."""
        for patch in patches:
            done = subprocess.run(
                ["scripts/checkpatch.pl", "--strict", "--terse", "--no-summary", str(patch)],
                cwd=self._tree,
                stdout=subprocess.PIPE,
                # Its helper spdxcheck.py complains here of a Python library that it does without.
                stderr=subprocess.DEVNULL,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise BuildError(f"checkpatch: {first_complaint(done.stdout.splitlines())}")

    def build(self, kernel: Path) -> None:
        """Compile the driver as a module for the guest ``kernel``; a warning is an error."""
        wanted = self._tree / "pvctl.config"
        wanted.write_text("CONFIG_POWER_RESET=y\nCONFIG_POWER_RESET_PVCTL=m\n", encoding="utf-8")
        configuration = self._tree / ".config"
        settings = (kernel / ".config").read_text(encoding="utf-8")
        configuration.write_text(settings + wanted.read_text(encoding="utf-8"), encoding="utf-8")
        self._kbuild("olddefconfig")
        check_settings([wanted], configuration)
        self._kbuild("W=1", "KCFLAGS=-Werror", f"{RESET_DRIVERS}/pvctl.o")

    def _enter_maintainer(self) -> None:
        """Write the entry that names those of the series' files which are there by now."""
        title, *lines = (UPSTREAM / "MAINTAINERS.entry").read_text(encoding="utf-8").splitlines()
        present = [
            line for line in lines if not line.startswith("F:") or (self._tree / line[2:].strip()).exists()
        ]
        entry = "\n".join([title, f"M:\t{self._sender}", *present, "\n"])
        (self._tree / "MAINTAINERS").write_text(self._maintainers, encoding="utf-8")
        Insertion("MAINTAINERS", "PARAVIRT_OPS INTERFACE", entry).make(self._tree)

    def _name_maintainer_of_binding(self) -> None:
        """Let the binding name the sender."""
        binding = self._tree / BINDING
        text = binding.read_text(encoding="utf-8")
        binding.write_text(text.replace(f"- {LIST}", f"- {self._sender}"), encoding="utf-8")

    def _add(self, *paths: str) -> None:
        # Debian's package ignores everything but its own files.
        self._git("add", "--force", *paths)

    def _git(self, *arguments: str) -> None:
        name, _, address = self._sender.removesuffix(">").partition(" <")
        settings = (f"user.name={name}", f"user.email={address}", "commit.gpgSign=false")
        options = [word for setting in settings for word in ("-c", setting)]
        run(["git", *options, *arguments], purpose=PURPOSE, directory=self._tree)

    def _kbuild(self, *arguments: str) -> None:
        run(["make", *KBUILD_ARGUMENTS, *arguments], purpose=PURPOSE, directory=self._tree)


def sender() -> str:
    """Return the user as "name <address>"; BuildError when git does not know who that is."""
    identity = run(["git", "var", "GIT_AUTHOR_IDENT"], purpose=PURPOSE, directory=CHECKOUT)
    return identity[: identity.rindex(">") + 1]


def make_patches(cpu: str = "e500v2") -> list[Path]:
    """Write the series to build/patches, once it has been proven, and return its files."""
    version = source_version()
    kernel = ensure_kernel(cpu)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="patches-") as directory:
        tree, written = Path(directory) / "linux", Path(directory) / "series"
        tree.mkdir()
        person = sender()
        unpack_source(tree, documentation=True)
        work = Series(tree, person)
        work.write(written)
        _, *patches = sorted(written.iterdir())
        work.apply(patches)
        print(f"applies to linux-source {version}", flush=True)
        work.check(patches)
        print("checkpatch finds nothing", flush=True)
        work.build(kernel)
        print(f"builds as a module for the {cpu}", flush=True)
        shutil.rmtree(PATCHES, ignore_errors=True)
        shutil.move(written, PATCHES)
    return sorted(PATCHES.iterdir())


def main() -> int:
    """Make the series; return the exit status (2 when it cannot be made)."""
    try:
        for patch in make_patches():
            print(patch.relative_to(CHECKOUT))
    except BuildError as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(as_process(main))

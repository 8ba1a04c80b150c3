# SPDX-License-Identifier: GPL-2.0-or-later
"""``make check``: what tools can find wrong with the sources, one line for each tool.

Python by ruff and mypy; the drivers by the kernel's checkpatch and by sparse, the guest's programs by
checkpatch; the trees by dtc and the bindings by dt-schema.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from paradrive_tools.guest_build import BuildError
from paradrive_tools.guest_build.driver import PVCTL, Driver
from paradrive_tools.guest_build.kernel import ensure_kernel
from paradrive_tools.guest_build.paths import CHECKOUT, DRIVER_SOURCES, TREE_SOURCES, USERLAND_SOURCES
from paradrive_tools.guest_build.trees import compile_tree
from paradrive_tools.process import as_process

_EXAMPLE = CHECKOUT / "examples" / "doorbell"
_TESTS = CHECKOUT / "tests"
DRIVERS = (
    PVCTL,
    Driver(_EXAMPLE, "doorbell.ko"),
    Driver(_TESTS / "driver" / "hang", "hang.ko"),
    Driver(_TESTS / "selftests" / "leak", "leak.ko"),
)
#: Where drivers are, and programs that run under the guest's kernel: both keep to the kernel's style.
GUEST_SOURCES = (
    *(driver.sources for driver in DRIVERS),
    *(DRIVER_SOURCES / "selftests", USERLAND_SOURCES, _TESTS / "driver" / "userland"),
    Path(__file__).with_name("bench"),
)

#: A check returns what it found wrong, nothing when all is well.
Check = Callable[[], str]


def checks(kernel: Path) -> dict[str, Check]:
    """Return the checks by name; ``kernel`` is the directory of a built guest kernel."""
    programs = Path(sys.executable).parent
    bindings = str(TREE_SOURCES / "bindings")
    checkpatch = kernel.resolve() / "scripts/checkpatch.pl"
    return {
        "ruff check": lambda: _output(
            [programs / "ruff", "check", "--quiet", "--output-format=concise", "."]
        ),
        "ruff format": lambda: _output(
            [programs / "ruff", "format", "--check", "--quiet", "--output-format=concise", "."]
        ),
        "mypy": lambda: _output([programs / "mypy", "--no-error-summary"]),
        "checkpatch": lambda: _output(
            [checkpatch, "--strict", "--no-tree", "--quiet", "--no-summary", "--terse", "-f", *guest_files()]
        ),
        "sparse": lambda: sparse(kernel),
        "dtc": dtc,
        "dt-doc-validate": lambda: _output([programs / "dt-doc-validate", "-u", bindings, bindings]),
    }


def guest_files() -> list[Path]:
    """Return what checkpatch reads."""
    names = ("*.[ch]", "Kconfig", "Makefile")
    return sorted(path for directory in GUEST_SOURCES for name in names for path in directory.glob(name))


def sparse(kernel: Path) -> str:
    """Return what sparse says of the drivers, checked as Kbuild compiles them."""
    lines = []
    for driver in DRIVERS:
        with tempfile.TemporaryDirectory() as directory:
            driver.copy(Path(directory))
            lines += driver.make(Path(directory), kernel, "C=2").splitlines()
    return "\n".join(line for line in lines if "warning:" in line or "error:" in line)


def dtc() -> str:
    """Return what dtc says of the first tree that it does not like."""
    with tempfile.TemporaryDirectory() as directory:
        for source in sorted(TREE_SOURCES.glob("*.dts")):
            try:
                compile_tree(source, Path(directory) / f"{source.stem}.dtb")
            except BuildError as error:
                return str(error)
    return ""


def main(cpu: str) -> int:
    """Run every check; return the exit status: 1 when one found something, 2 when one could not run."""
    failed = False
    try:
        for name, check in checks(ensure_kernel(cpu)).items():
            findings = check().strip()
            print(f"{name:16} {'FAILED' if findings else 'ok'}", flush=True)
            if findings:
                print(findings)
                failed = True
    except BuildError as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return 2
    return int(failed)


def _output(command: Sequence[str | Path]) -> str:
    """Return what the tool printed, be it errors or warnings, or that it failed without a word."""
    done = subprocess.run(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0 and not done.stdout.strip():
        return f"exit status {done.returncode}"
    return done.stdout


if __name__ == "__main__":
    sys.exit(as_process(lambda: main(sys.argv[1] if len(sys.argv) > 1 else "e500v2")))

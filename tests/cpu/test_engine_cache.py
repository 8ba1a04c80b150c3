# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache of the compiled engine: what is damaged is built again, and no cache at all only costs time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import paradrive
from bare_core import BareCore, li
from paradrive.cpu.compiled import build, link, program
from paradrive.cpu.compiled.variants import compiled_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "e500v2"
TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def no_code_of_other_tests() -> Iterator[None]:
    yield
    build.shared.cache_clear()


@pytest.fixture(scope="module")
def sound_image() -> bytes:
    """Return the image that every other test uses, built if need be."""
    build.load(MODEL)
    return build.image_path(MODEL).read_bytes()


@pytest.fixture
def compilations(sound_image: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Use an empty cache, and list what is compiled: compiling takes seconds, so the image is at hand."""
    compiled: list[str] = []

    def compile_image(model: object) -> bytes:
        compiled.append(model.name)  # type: ignore[attr-defined]
        return sound_image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(link, "compile_image", compile_image)
    return compiled


def check_works() -> None:
    """Check the engine of a process that has none yet."""
    build.shared.cache_clear()
    core = BareCore("compiled")
    core.execute(li(3, 7))
    assert core.gpr[3] == 7


#: Another process: one that has no compiler, and whose reference engine executes nothing.
NEXT_PROCESS = """
import sys
sys.modules["llvmlite"] = None
from bare_core import BareCore, li
from paradrive.cpu.reference import Reference
Reference.operation = None
core = BareCore("compiled")
core.execute(li(3, 7))
assert core.gpr[3] == 7
"""


def test_what_is_compiled_for_an_empty_cache_runs_in_the_next_process(
    sound_image: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A few instructions compile in a tenth of the time of all.
    few = [each for each in compiled_variants(MODEL) if each.instruction.mnemonic in ("addi", "b")]
    monkeypatch.setattr(program, "compiled_variants", lambda _model: few)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = build.image_path(MODEL)
    assert not path.exists()
    check_works()
    compiled = path.read_bytes()
    assert len(compiled) < len(sound_image)
    subprocess.run([sys.executable, "-c", NEXT_PROCESS], cwd=TESTS, check=True, timeout=60)
    assert path.read_bytes() == compiled


def test_image_is_compiled_once(compilations: list[str]) -> None:
    for _ in range(3):
        check_works()
    assert compilations == [MODEL]


@pytest.mark.parametrize(
    "damage",
    [
        lambda image: b"",
        lambda image: image[:7],
        lambda image: image[:100],
        lambda image: image[:-1],
        lambda image: image + b"\0",
        lambda image: image[:-5000] + bytes([image[-5000] ^ 1]) + image[-4999:],
        lambda image: image[:9] + bytes([image[9] ^ 1]) + image[10:],
        lambda image: bytes(len(image)),
        lambda image: b"\x7fELF" + image[4:],
    ],
)
def test_damaged_image_is_compiled_again_and_replaced(
    compilations: list[str], sound_image: bytes, damage: Callable[[bytes], bytes]
) -> None:
    path = build.image_path(MODEL)
    path.parent.mkdir(parents=True)
    path.write_bytes(damage(sound_image))
    check_works()
    assert compilations == [MODEL]
    assert path.read_bytes() == sound_image


def test_cache_that_cannot_be_made_does_not_matter(compilations: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    check_works()
    check_works()
    assert compilations == [MODEL] * 2


def test_image_appears_in_one_step(
    compilations: list[str], sound_image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build.image_path(MODEL)
    written: list[tuple[bytes, bool]] = []
    replace = Path.replace

    def watched(source: Path, target: Path) -> Path:
        written.append((source.read_bytes(), path.exists()))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", watched)
    check_works()
    # Complete, in another file, before there is any at the place where others look.
    assert written == [(sound_image, False)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_failure_to_replace_leaves_no_image(compilations: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    check_works()
    assert not build.image_path(MODEL).exists()


def test_every_core_has_an_image_of_its_own() -> None:
    assert build.image_path("e500v2") != build.image_path("e500mc")


def test_other_processor_has_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    here = build.image_path(MODEL)
    monkeypatch.setattr(build, "_host_processor", lambda: "another one")
    assert build.image_path(MODEL) != here


def test_other_sources_have_another_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "arithmetic.py"
    monkeypatch.setattr(build, "_sources", lambda: iter([source]))
    paths = set()
    for text in ("a = 1\n", "a = 2\n"):
        source.write_text(text)
        paths.add(build.image_path(MODEL))
    assert len(paths) == 2


#: Edits each module that takes part in compiling, one at a time, and prints those after which the image of
#: before would have been used. The package is a copy of its own.
EDIT_EACH_MODULE = """
import sys
from pathlib import Path
import paradrive.cpu.compiled.link
from paradrive.cpu.compiled.build import image_path
files = {
    name: Path(module.__file__)
    for name, module in sorted(sys.modules.items())
    if name.partition(".")[0] == "paradrive"
}
assert all(file.is_relative_to(sys.argv[1]) for file in files.values())
before = image_path("e500v2")
for name, file in files.items():
    text = file.read_bytes()
    file.write_bytes(text + b"# edited\\n")
    if image_path("e500v2") == before:
        print(name)
    file.write_bytes(text)
"""
#: They say where the cache is, or say nothing at all.
WITHOUT_CODE = {"paradrive", "paradrive.cpu", "paradrive.host", "paradrive.host.user_cache"}


def python(program: str, *arguments: object, path: Path | None = None) -> str:
    """Return what a process of its own prints."""
    environment = os.environ | ({} if path is None else {"PYTHONPATH": str(path)})
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, timeout=60, text=True
    ).stdout


def test_edit_of_any_module_that_the_compiler_imports_has_another_image(tmp_path: Path) -> None:
    shutil.copytree(Path(paradrive.__file__).parent, tmp_path / "paradrive")
    unnoticed = python(EDIT_EACH_MODULE, tmp_path, path=tmp_path)
    assert set(unnoticed.split()) == WITHOUT_CODE


def test_image_is_that_of_the_processors_kind_and_features_and_of_nothing_else_of_it() -> None:
    images = [
        python(IMAGE_FOR_PROCESSOR, text)
        for text in (
            "model name : A\nflags : fpu\ncpu MHz : 1000\n",
            "model name : A\nflags : fpu\ncpu MHz : 2000\n",
            "model name : A\nflags : fpu avx2\ncpu MHz : 1000\n",
            "model name : B\nflags : fpu\ncpu MHz : 1000\n",
        )
    ]
    assert images[0] == images[1]
    assert len(set(images)) == 3


#: What the host says of its processor is the argument.
IMAGE_FOR_PROCESSOR = """
import sys
from pathlib import Path
read = Path.read_text
def read_text(path, *arguments, **options):
    return sys.argv[1] if path == Path("/proc/cpuinfo") else read(path, *arguments, **options)
Path.read_text = read_text
from paradrive.cpu.compiled.build import image_path
print(image_path("e500v2"))
"""


def test_image_of_sources_that_were_edited_meanwhile_is_not_cached(
    compilations: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text("# newer than this process")
    sources = [*build._sources(), edited]
    monkeypatch.setattr(build, "_sources", lambda: iter(sources))
    for _ in range(2):
        check_works()
    assert compilations == [MODEL, MODEL]
